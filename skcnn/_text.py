"""Numbers and values as parts of messages."""

from __future__ import annotations

LONGEST = 60  # characters


def count(n: int, noun: str) -> str:
    """``"1 image"`` or ``"12 images"``."""
    return f"{n:,} {noun}{'s'[: n != 1]}"


def short_repr(value: object) -> str:
    """``repr(value)``, cut; what it is if it has more digits than Python prints."""
    if isinstance(value, int) and value.bit_length() > 3 * LONGEST:
        return f"an int of {value.bit_length():,} bits"
    try:
        return repr(value)[:LONGEST]
    except ValueError:  # of an int in a container
        return f"of type {type(value).__name__}"
