"""Numbers and values as parts of messages."""

from __future__ import annotations

LONGEST = 60  # characters


def count(n: int, noun: str) -> str:
    """``"1 image"`` or ``"12 images"``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def short_repr(value: object) -> str:
    """``repr(value)``, cut; what it is if it has more digits than Python prints."""
    if isinstance(value, int) and value.bit_length() > 3 * LONGEST:
        return f"an int of {value.bit_length():,} bits"
    try:
        text = repr(value)
    except ValueError:  # of an int in a container
        return f"of type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
