"""From single fits to what they say together: pairs, shares, winners, crossings."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.statistics import crossings, error_interval, holm, mcnemar, paired_difference


def with_intervals(finals: dict[str, dict[str, Any]], y_test: NDArray) -> dict[str, dict[str, Any]]:
    """The final results, each with its number of wrong images and a 95 % interval."""
    out = {}
    for key, final in finals.items():
        wrong = int(np.sum(np.asarray(final["predicted"]) != y_test))
        out[key] = {**final, "wrong": wrong, "interval": error_interval(wrong, len(y_test))}
    return out


def pairs(finals: dict[str, dict[str, Any]], y_test: NDArray) -> list[dict[str, Any]]:
    """McNemar's test of every two contenders on the same test images, Holm-adjusted."""
    wrong = {key: np.asarray(final["predicted"]) != y_test for key, final in finals.items()}
    tests = [
        {"a": a, "b": b, **asdict(mcnemar(wrong[a], wrong[b]))}
        for a, b in itertools.combinations(finals, 2)
    ]
    for test, adjusted in zip(tests, holm([test["p_value"] for test in tests]), strict=True):
        test["p_adjusted"] = float(adjusted)
    return tests


def shared_mistakes(finals: dict[str, dict[str, Any]], y_test: NDArray) -> list[dict[str, Any]]:
    """How many test images exactly these contenders got wrong, for every group of them."""
    wrong = {key: np.asarray(final["predicted"]) != y_test for key, final in finals.items()}
    groups = []
    for count in range(len(wrong), 0, -1):
        for group in itertools.combinations(wrong, count):
            exactly = np.ones(len(y_test), dtype=bool)
            for key, mistakes in wrong.items():
                exactly &= mistakes if key in group else ~mistakes
            groups.append({"contenders": list(group), "images": int(exactly.sum())})
    return groups


def by_share(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard error over the seeds, for every share, and who is ahead there.

    A contender counts as ahead of the second one "clearly" if the difference over the seeds that
    both have is (`paired_difference`). Where not all were run, nobody is ahead.
    """
    summary = []
    for share in sorted({row["share"] for row in rows}):
        here = [row for row in rows if row["share"] == share]
        errors = {}
        for key in CONTENDERS:
            mine = {row["seed"]: row for row in here if row["contender"] == key}
            if mine:
                test = [row["test_error"] for row in mine.values()]
                train = [row["train_error"] for row in mine.values()]
                errors[key] = {
                    "seeds": sorted(mine),
                    "test_error": float(np.mean(test)),
                    "test_error_se": _standard_error(test),
                    "train_error": float(np.mean(train)),
                    "train_error_se": _standard_error(train),
                }
        ranked = sorted(errors, key=lambda key: errors[key]["test_error"])
        clear = (
            len(ranked) == len(CONTENDERS)
            and bool(_common_seeds(here, *ranked[:2]))
            and _difference(here, ranked[1], ranked[0])["clear"]
        )
        summary.append(
            {
                "share": share,
                "images": here[0]["images"],
                "errors": errors,
                "winner": ranked[0] if len(ranked) == len(CONTENDERS) else None,
                "clear": clear,
            }
        )
    return summary


def crossing_points(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where the curves of two contenders cross, and the difference at every share."""
    found = []
    for a, b in itertools.combinations(CONTENDERS, 2):
        differences = []
        for share in sorted({row["share"] for row in rows}):
            here = [row for row in rows if row["share"] == share]
            if _common_seeds(here, a, b):
                differences.append({"share": share, **_difference(here, a, b)})
        shares = [point["share"] for point in differences]
        means = [point["mean"] for point in differences]
        found.append(
            {"a": a, "b": b, "differences": differences, "crossings": crossings(shares, means)}
        )
    return found


def still_falls(rows: list[dict[str, Any]], key: str, before: int, after: int) -> bool:
    """Whether a contender's error is clearly lower at the share `after` than at `before`."""
    errors = [_by_seed([row for row in rows if row["share"] == s], key) for s in (before, after)]
    if not errors[0].keys() & errors[1].keys():
        return False
    change = _paired(*errors)
    return change["clear"] and change["mean"] > 0


def _by_seed(rows: list[dict[str, Any]], key: str) -> dict[int, float]:
    return {row["seed"]: row["test_error"] for row in rows if row["contender"] == key}


def _paired(a: dict[int, float], b: dict[int, float]) -> dict[str, Any]:
    """`paired_difference` of errors by seed, over the seeds that both have."""
    seeds = sorted(a.keys() & b.keys())
    return asdict(paired_difference([a[seed] for seed in seeds], [b[seed] for seed in seeds]))


def _common_seeds(rows: list[dict[str, Any]], a: str, b: str) -> list[int]:
    return sorted(_by_seed(rows, a).keys() & _by_seed(rows, b).keys())


def _difference(rows: list[dict[str, Any]], a: str, b: str) -> dict[str, Any]:
    """Test error of `a` minus that of `b` over the seeds that both have."""
    return _paired(_by_seed(rows, a), _by_seed(rows, b))


def _standard_error(values: list[float]) -> float:
    if len(values) < 2:
        return math.nan
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))
