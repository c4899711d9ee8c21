"""The results of a comparison: what was measured, and what follows from it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skcnn.study.comparison.contenders import Params
from skcnn.study.comparison.measured import FinalFit, Fit, FitKey, Search
from skcnn.study.comparison.settings import TRAIN_ERROR_IMAGES, Settings
from skcnn.study.data import Images, subset_sizes
from skcnn.study.mistakes import mean_error
from skcnn.study.provenance import Environment
from skcnn.study.statistics import (
    McNemar,
    PairedDifference,
    crossings,
    holm,
    mcnemar,
    paired_difference,
    standard_error,
)


@dataclass(frozen=True)
class Pair(McNemar):
    """McNemar's test of two contenders; `p_adjusted` by Holm's method."""

    a: str
    b: str
    p_adjusted: float

    @property
    def significant(self) -> bool:
        """At the level of 5 %, adjusted."""
        return self.p_adjusted < 0.05


@dataclass(frozen=True)
class MeanErrors:
    """Mean errors of a contender over the seeds, and their standard errors."""

    seeds: list[int]
    test_error: float
    test_error_se: float
    train_error: float
    train_error_se: float


@dataclass(frozen=True)
class ShareErrors:
    """The errors at one share of the training images.

    `winners` have the lowest error; none where not all contenders were run. `clear` is about the
    lead of a single one.
    """

    share: float
    images: int
    errors: dict[str, MeanErrors]
    winners: list[str]
    clear: bool


@dataclass(frozen=True)
class Lead(PairedDifference):
    """Test error of one contender minus that of another, at one share."""

    share: float


@dataclass(frozen=True)
class Crossing:
    """Two learning curves: their differences, and the shares at which they cross."""

    a: str
    b: str
    differences: list[Lead]
    crossings: list[float]

    @property
    def is_clear(self) -> bool:
        """Whether the curves cross once, and each of the two is clearly ahead somewhere."""
        leads = {point.mean < 0 for point in self.differences if point.clear}
        return len(self.crossings) == 1 and len(leads) == 2


@dataclass(frozen=True)
class Results:
    """All results of a comparison: what was measured, and what follows from it.

    `params` (the chosen ones), `search` and `final` are by contender. `skipped` are fits of the
    learning curves for which there was no time, `elapsed` the seconds of the run.
    """

    images: Images
    settings: Settings
    environment: Environment
    params: dict[str, Params]
    search: dict[str, Search]
    final: dict[str, FinalFit]
    curves: dict[FitKey, Fit]
    skipped: list[FitKey]
    elapsed: float = 0.0

    @property
    def ranked(self) -> list[str]:
        """The contenders by their mistakes on the test images, fewest first."""
        return sorted(self.final, key=lambda key: self.final[key].wrong)

    @property
    def best(self) -> list[str]:
        """The contenders with the fewest mistakes."""
        fewest = min(fit.wrong for fit in self.final.values())
        return [key for key in self.final if self.final[key].wrong == fewest]

    @property
    def train_error_images(self) -> int:
        """Number of training images that training errors are measured on."""
        return min(TRAIN_ERROR_IMAGES, len(self.images.y_train))

    @cached_property
    def subsets(self) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
        """(share, images) of the subsets that are used, and of those too small to use."""
        return subset_sizes(self.images.y_train, self.settings.shares(self.images.y_train))

    @cached_property
    def _wrong(self) -> dict[str, NDArray]:
        """Which test images each contender gets wrong."""
        images = self.images
        return {key: fit.labels(images) != images.y_test for key, fit in self.final.items()}

    @cached_property
    def pairs(self) -> list[Pair]:
        """McNemar's test of every two contenders, adjusted for multiple tests."""
        names = list(itertools.combinations(self.final, 2))
        tests = [mcnemar(self._wrong[a], self._wrong[b]) for a, b in names]
        adjusted = holm([test.p_value for test in tests])
        return [
            Pair(**vars(test), a=a, b=b, p_adjusted=float(p))
            for (a, b), test, p in zip(names, tests, adjusted, strict=True)
        ]

    def pair(self, a: str, b: str) -> Pair:
        """The test of these two, in either order."""
        return next(pair for pair in self.pairs if {pair.a, pair.b} == {a, b})

    @cached_property
    def shared_mistakes(self) -> list[tuple[list[str], int]]:
        """How many test images exactly these contenders get wrong, for every group of them."""
        wrong, groups = self._wrong, []
        for count in range(len(wrong), 0, -1):
            for group in itertools.combinations(wrong, count):
                exactly = [wrong[key] == (key in group) for key in wrong]
                if n := int(np.logical_and.reduce(exactly).sum()):
                    groups.append((list(group), n))
        return groups

    @cached_property
    def by_share(self) -> list[ShareErrors]:
        """The errors at every share."""
        rows = []
        for share, images in sorted({(key.share, key.images) for key in self.curves}):
            fits = {key: self._by_seed(key, share) for key in self.final}
            errors = {key: _means(of_seed) for key, of_seed in fits.items() if of_seed}
            ranked = sorted(errors, key=lambda key: errors[key].test_error)
            winners: list[str] = []
            lead = None
            if len(ranked) == len(self.final):
                lowest = errors[ranked[0]].test_error
                winners = [key for key in ranked if errors[key].test_error == lowest]
                lead = _paired(fits[ranked[1]], fits[ranked[0]])
            # Over the seeds of both, another one than over the seeds of each may be ahead.
            clear = lead is not None and lead.clear and lead.mean > 0
            rows.append(ShareErrors(share, images, errors, winners, clear))
        return rows

    @cached_property
    def crossings(self) -> list[Crossing]:
        """Every two learning curves."""
        found = []
        for a, b in itertools.combinations(self.final, 2):
            leads = [
                Lead(**vars(difference), share=row.share)
                for row in self.by_share
                if (difference := _paired(self._by_seed(a, row.share), self._by_seed(b, row.share)))
            ]
            at = crossings([lead.share for lead in leads], [lead.mean for lead in leads])
            found.append(Crossing(a, b, leads, at))
        return found

    def crossing(self, a: str, b: str) -> Crossing:
        """The curves of these two, in the order of the contenders."""
        return next(found for found in self.crossings if (found.a, found.b) == (a, b))

    def decreases(self, key: str, before: float, after: float) -> bool:
        """Whether a contender's test error is clearly lower at the share `after`."""
        change = _paired(self._by_seed(key, before), self._by_seed(key, after))
        return change is not None and change.clear and change.mean > 0

    def _by_seed(self, contender: str, share: float) -> dict[int, Fit]:
        """The fits of a contender at a share by their seed."""
        return {
            key.seed: fit
            for key, fit in self.curves.items()
            if (key.contender, key.share) == (contender, share)
        }


def _paired(a: dict[int, Fit], b: dict[int, Fit]) -> PairedDifference | None:
    """The difference of test errors over the seeds that both have; None if there are none."""
    seeds = sorted(a.keys() & b.keys())
    if not seeds:
        return None
    found = paired_difference([a[seed].wrong for seed in seeds], [b[seed].wrong for seed in seeds])
    tested = a[seeds[0]].tested
    return replace(found, mean=found.mean / tested, standard_error=found.standard_error / tested)


def _means(fits: dict[int, Fit]) -> MeanErrors:
    first = next(iter(fits.values()))
    test = [fit.wrong for fit in fits.values()]
    train = [fit.train_wrong for fit in fits.values()]
    return MeanErrors(
        seeds=sorted(fits),
        test_error=mean_error(test, first.tested),
        test_error_se=standard_error(test) / first.tested,
        train_error=mean_error(train, first.train_tested),
        train_error_se=standard_error(train) / first.train_tested,
    )
