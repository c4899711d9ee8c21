"""Values in error messages."""

from __future__ import annotations

LONGEST = 60  # characters


def short_repr(value: object) -> str:
    """``repr(value)``, cut; the size of an int that has more digits, which Python may not print."""
    if isinstance(value, int) and value.bit_length() > 3 * LONGEST:
        return f"an int of {value.bit_length():,} bits"
    return repr(value)[:LONGEST]
