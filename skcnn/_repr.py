"""Values in error messages."""

from __future__ import annotations

LONGEST = 60  # characters


def short_repr(value: object) -> str:
    """``repr(value)``, cut; what it is if it has more digits than Python prints."""
    if isinstance(value, int) and value.bit_length() > 3 * LONGEST:
        return f"an int of {value.bit_length():,} bits"
    try:
        return repr(value)[:LONGEST]
    except ValueError:  # of an int in a container
        return f"of type {type(value).__name__}"
