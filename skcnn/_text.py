"""Numbers as messages and reports show them."""

from __future__ import annotations


def count(n: int, noun: str) -> str:
    """1200, 'image' -> '1,200 images'"""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
