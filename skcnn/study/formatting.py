"""Numbers and names as a report shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def percent(share: float, digits: int = 2) -> str:
    """0.0123 -> '1.23 %'"""
    return f"{100 * share:.{digits}f} %"


def plus_minus(value: float, spread: float | None) -> str:
    """1.234, 0.05 -> '1.23 ± 0.05'; the value alone if the spread is None or NaN."""
    text = f"{value:.2f}"
    return text if spread is None or math.isnan(spread) else f"{text} ± {spread:.2f}"


def seconds(value: float) -> str:
    """0.00042 -> '420 µs': a time with the unit that fits."""
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (180.0, 1.0, "s")):
        if value < 0.9995 * limit:
            return f"{value * factor:.3g} {unit}"
    if value < 6e4 * 0.9995:
        return f"{value / 60:.3g} min"
    return f"{value / 3600:.3g} h"


def size(value: float | None) -> str:
    """1536 -> '1.5 KiB': a number of bytes with the unit that fits."""
    if value is None:
        return "not measured"
    for power, unit in ((1, "KiB"), (2, "MiB")):
        if value < 999 * 2 ** (10 * power):
            return f"{value / 2 ** (10 * power):.3g} {unit}"
    return f"{value / 2**30:.3g} GiB"


def p_value(value: float) -> str:
    """0.0321 -> '0.032'; below 0.001 only the bound: for tables."""
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def p_statement(value: float) -> str:
    """0.0321 -> 'p = 0.032'; below 0.001 only the bound: for sentences."""
    return f"p {'' if value < 0.001 else '= '}{p_value(value)}"


def setting(params: Mapping[str, Any]) -> str:
    """{'svc__C': 10.0, 'svc__gamma': 'scale'} -> 'C=10.0, gamma=scale'"""
    return ", ".join(f"{name.split('__')[-1]}={value}" for name, value in params.items())


def listing(items: Sequence[object]) -> str:
    """['a', 'b', 'c'] -> 'a, b and c'"""
    *first, last = (str(item) for item in items)
    return f"{', '.join(first)} and {last}" if first else last
