"""Numbers and names as a report shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage.

    Examples
    --------
    >>> from skcnn.study.formatting import percent
    >>> percent(0.01234)
    '1.23 %'
    """
    return f"{100 * share:.{digits}f} %"


def plus_minus(value: float, spread: float | None) -> str:
    """A value and its spread with two decimals; the value alone if the spread is None or NaN.

    Examples
    --------
    >>> from skcnn.study.formatting import plus_minus
    >>> plus_minus(1.234, 0.05), plus_minus(1.234, None)
    ('1.23 ± 0.05', '1.23')
    """
    text = f"{value:.2f}"
    return text if spread is None or math.isnan(spread) else f"{text} ± {spread:.2f}"


def seconds(value: float | None) -> str:
    """A time in the unit that fits its size.

    Examples
    --------
    >>> from skcnn.study.formatting import seconds
    >>> seconds(0.00042), seconds(12.3), seconds(754)
    ('420 µs', '12.3 s', '12.6 min')
    """
    if value is None:
        return "not measured"
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (180.0, 1.0, "s")):
        if value < 0.9995 * limit:
            return f"{value * factor:.3g} {unit}"
    if value < 6e4 * 0.9995:
        return f"{value / 60:.3g} min"
    return f"{value / 3600:.3g} h"


def size(value: float | None) -> str:
    """A number of bytes in the unit that fits its size.

    Examples
    --------
    >>> from skcnn.study.formatting import size
    >>> size(1536), size(300 * 2**20), size(2590 * 2**20), size(None)
    ('1.5 KiB', '300 MiB', '2.53 GiB', 'not measured')
    """
    if value is None:
        return "not measured"
    for power, unit in ((1, "KiB"), (2, "MiB")):
        if value < 999 * 2 ** (10 * power):
            return f"{value / 2 ** (10 * power):.3g} {unit}"
    return f"{value / 2**30:.3g} GiB"


def p_value(value: float) -> str:
    """A p-value with two digits; below 0.001 only the bound.

    Examples
    --------
    >>> from skcnn.study.formatting import p_value
    >>> p_value(0.0321), p_value(1e-9)
    ('0.032', '< 0.001')
    """
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def count(n: int, noun: str) -> str:
    """A number with its noun in the singular or the plural.

    Examples
    --------
    >>> from skcnn.study.formatting import count
    >>> count(1, "seed"), count(1200, "image")
    ('1 seed', '1,200 images')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def setting(params: Mapping[str, Any]) -> str:
    """The parameters of a pipeline on one line, without the names of its steps.

    Examples
    --------
    >>> from skcnn.study.formatting import setting
    >>> setting({"svc__C": 10.0, "svc__gamma": "scale"})
    'C=10.0, gamma=scale'
    """
    return ", ".join(f"{name.split('__')[-1]}={value}" for name, value in params.items())


def listing(items: Sequence[object]) -> str:
    """Items separated by commas and "and".

    Examples
    --------
    >>> from skcnn.study.formatting import listing
    >>> listing(["a", "b", "c"]), listing([0])
    ('a, b and c', '0')
    """
    *first, last = (str(item) for item in items)
    return f"{', '.join(first)} and {last}" if first else last
