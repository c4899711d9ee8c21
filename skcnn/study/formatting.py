"""Figures as people read them."""

from __future__ import annotations

from typing import Any


def percent(share: float, digits: int = 2) -> str:
    """A share as percent.

    Examples
    --------
    >>> from skcnn.study.formatting import percent
    >>> percent(0.01234)
    '1.23 %'
    """
    return f"{100 * share:.{digits}f} %"


def seconds(value: float | None) -> str:
    """A time with the unit that suits it.

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
    """Bytes with the unit that suits them.

    Examples
    --------
    >>> from skcnn.study.formatting import size
    >>> size(1536), size(300 * 2**20), size(2590 * 2**20), size(None)
    ('1.5 KiB', '300 MiB', '2.53 GiB', 'not measured')
    """
    if value is None:
        return "not measured"
    if value < 999 * 2**10:
        return f"{value / 2**10:.3g} KiB"
    if value < 999 * 2**20:
        return f"{value / 2**20:.3g} MiB"
    return f"{value / 2**30:.3g} GiB"


def p_value(value: float) -> str:
    """A p-value; the smallest ones only as small.

    Examples
    --------
    >>> from skcnn.study.formatting import p_value
    >>> p_value(0.0321), p_value(1e-9)
    ('0.032', '< 0.001')
    """
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def setting(params: dict[str, Any]) -> str:
    """Settings of a pipeline in one line, without the names of its steps.

    Examples
    --------
    >>> from skcnn.study.formatting import setting
    >>> setting({"svc__C": 10.0, "svc__gamma": "scale"})
    'C=10.0, gamma=scale'
    """
    return ", ".join(f"{name.split('__')[-1]}={value}" for name, value in params.items())


def listing(names: list[str]) -> str:
    """Names in a row, with commas and an 'and'.

    Examples
    --------
    >>> from skcnn.study.formatting import listing
    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
