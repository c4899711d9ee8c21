"""The paper's tables and figures, each as a list of runs: what is varied, and what is not.

A run is a value: all that its result depends on, besides the images. Runs that several figures
share (the default network above all) are one and the same value, and are made once.

Contains `CNNRun`, `HOGRun`, `TimingRun`, `Point`, `Scope`, a function for each experiment, and
`EXPERIMENTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from skcnn.study import published
from skcnn.study.paper2014.settings import (
    GD_ITERATIONS,
    IMAGE_SIDE,
    LONGER,
    NETWORK,
    TEN_HOURS,
    THREE_HOURS,
)

PROTOCOLS = ("published", "today")
HOG_VARIANTS = ("HOG of 2014", "HOG tuned")
TUNED_SHARES = (5, 10, 20, 50, 100)  # fewer: an SVC on 60,000 images takes minutes
QUICK = 0.03  # share of the iterations in a quick run


@dataclass(frozen=True)
class CNNRun:
    """One training of a network; `share` is the percent of the training images used."""

    protocol: str = "published"  # one of PROTOCOLS, or "last commit"
    filter_size: int = NETWORK["filter_size"]
    n_filters: int = NETWORK["n_filters"]
    pool_regions: int = NETWORK["pool_regions"]
    hidden: tuple[int, ...] = NETWORK["hidden_layer_sizes"]
    output: str = NETWORK["output_activation"]
    full_batch: bool = False
    iterations: int = TEN_HOURS
    share: int = 100
    curve: bool = False  # errors every quarter of an hour, and the filters, are kept, too
    seed: int = 0


@dataclass(frozen=True)
class HOGRun:
    """HOG and an SVC on a share of the training images."""

    variant: str
    share: int
    seed: int = 0


@dataclass(frozen=True)
class TimingRun:
    """Seconds that an iteration of 256 images takes, alone, with all cores."""

    filter_size: int
    n_filters: int
    pool_regions: int
    hidden: tuple[int, ...]


Run = CNNRun | HOGRun | TimingRun


@dataclass(frozen=True)
class Point:
    """A point of a figure: x in the paper's terms, and the run that gives its value."""

    experiment: str
    series: str  # a protocol or a HOG variant; "seconds" for times
    x: Any
    run: Run


@dataclass(frozen=True)
class Scope:
    """What all experiments share.

    Attributes
    ----------
    side : int
        Pixels of the images' shorter side. Filters keep the size that they have relative to the
        paper's images of 28 x 28 pixels.
    seeds : int
        How often each run is made; the seeds are 0, 1, ...
    quick : bool
        Few iterations.
    """

    side: int = IMAGE_SIDE
    seeds: int = 1
    quick: bool = False

    def iterations(self, n: int) -> int:
        """Iterations in place of the paper's `n`."""
        return max(2, round(QUICK * n)) if self.quick else n

    def fitted(self, run: CNNRun) -> CNNRun:
        """The run for images of this size."""
        size = max(1, round(run.filter_size * self.side / IMAGE_SIDE))
        regions = min(run.pool_regions, self.side - size + 1)
        iterations = run.iterations if run.full_batch else self.iterations(run.iterations)
        is_default = run in [CNNRun(protocol=name, seed=run.seed) for name in PROTOCOLS]
        return replace(
            run,
            filter_size=size,
            pool_regions=regions,
            iterations=iterations,
            curve=is_default,
        )

    def points(
        self, experiment: str, settings: dict[Any, dict[str, Any]], *, timed: bool = False
    ) -> list[Point]:
        """A point for each setting, protocol and seed; `timed` adds one for its time."""
        found = []
        for x, changes in settings.items():
            for protocol in PROTOCOLS:
                for seed in range(self.seeds):
                    run = self.fitted(CNNRun(protocol, seed=seed, **changes))
                    found.append(Point(experiment, protocol, x, run))
            if timed:
                timing = TimingRun(run.filter_size, run.n_filters, run.pool_regions, run.hidden)
                found.append(Point(experiment, "seconds", x, timing))
        return found


def table2(scope: Scope) -> list[Point]:
    """Table 2: hidden layers between pooling and output."""
    layers = {name: _sizes(name) for name in published.TABLE2}
    return scope.points("table2", {x: {"hidden": h} for x, h in layers.items()}, timed=True)


def filter_size(scope: Scope) -> list[Point]:
    """Figs. 2 and 3: side of the filters."""
    return scope.points("fig2", {x: {"filter_size": x} for x in published.FIG2}, timed=True)


def number_of_filters(scope: Scope) -> list[Point]:
    """Figs. 4 and 5."""
    return scope.points("fig4", {x: {"n_filters": x} for x in published.FIG4}, timed=True)


def pooling_regions(scope: Scope) -> list[Point]:
    """Figs. 6 and 7: regions per side."""
    return scope.points("fig6", {x: {"pool_regions": x} for x in published.FIG6}, timed=True)


def other_parameters(scope: Scope) -> list[Point]:
    """Section 5.5: the sigmoid output with squared error; gradient descent on all images."""
    settings = {
        "softmax": {},
        "sigmoid": {"output": "sigmoid"},
        "gradient descent": {"full_batch": True, "iterations": GD_ITERATIONS},
    }
    return scope.points("sec5.5", settings)


def error_over_time(scope: Scope) -> list[Point]:
    """Fig. 8: training and test error every quarter of an hour."""
    return scope.points("fig8", {"curve": {}})


def filters(scope: Scope) -> list[Point]:
    """Fig. 9: what the filters look like."""
    return scope.points("fig9", {"filters": {}})


def regions_and_sizes(scope: Scope) -> list[Point]:
    """Section 5.6: pooling regions by filter size, three hours each."""
    return scope.points(
        "heatmap1",
        {
            (regions, size): {
                "pool_regions": regions,
                "filter_size": size,
                "iterations": THREE_HOURS,
            }
            for regions, size in published.HEATMAP_REGIONS_SIZES
        },
    )


def sizes_and_filters(scope: Scope) -> list[Point]:
    """Section 5.6: filter size by number of filters, three hours each."""
    return scope.points(
        "heatmap2",
        {
            (size, n): {"filter_size": size, "n_filters": n, "iterations": THREE_HOURS}
            for size, n in published.HEATMAP_SIZES_FILTERS
        },
    )


def hog_by_share(scope: Scope) -> list[Point]:
    """Fig. 10: HOG and an SVC against the share of the training images."""
    points = []
    for variant in HOG_VARIANTS:
        shares = published.FIG10_TEST if variant == HOG_VARIANTS[0] else TUNED_SHARES
        points += [
            Point("fig10", variant, share, HOGRun(variant, share, seed))
            for share in shares
            for seed in range(1 if share == 100 else scope.seeds)  # all images: no chance in it
        ]
    return points


def cnn_by_share(scope: Scope) -> list[Point]:
    """Fig. 11: the network with ten hidden neurons against the share of the training images."""
    return scope.points(
        "fig11", {share: {"hidden": (10,), "share": share} for share in published.FIG11_TEST}
    )


def reasons(scope: Scope) -> list[Point]:
    """Numbers that differ from the paper's, with settings that the paper may have had instead."""
    settings: dict[str, dict[str, Any]] = {
        "none": {},
        "10": {"hidden": (10,)},
        "sigmoid": {"output": "sigmoid"},
        "gradient descent": {"full_batch": True, "iterations": GD_ITERATIONS},
    }
    points = []
    for x, changes in settings.items():
        for seed in range(scope.seeds):
            run = CNNRun(seed=seed, **changes)
            series = {
                "published": run,
                "last commit": replace(run, protocol="last commit"),
                "longer": replace(run, iterations=LONGER * run.iterations),
            }
            points += [Point("reasons", s, x, scope.fitted(run)) for s, run in series.items()]
    return points


EXPERIMENTS: dict[str, Callable[[Scope], list[Point]]] = {
    "table2": table2,
    "fig2": filter_size,
    "fig4": number_of_filters,
    "fig6": pooling_regions,
    "sec5.5": other_parameters,
    "fig8": error_over_time,
    "fig9": filters,
    "heatmap1": regions_and_sizes,
    "heatmap2": sizes_and_filters,
    "fig10": hog_by_share,
    "fig11": cnn_by_share,
    "reasons": reasons,
}
# Names that are the same experiment.
ALIASES = {
    "fig3": ("fig2",),
    "fig5": ("fig4",),
    "fig7": ("fig6",),
    "heatmaps": ("heatmap1", "heatmap2"),
    "sec5.6": ("heatmap1", "heatmap2"),
    "all": tuple(EXPERIMENTS),
}


def resolve(names: Iterable[str]) -> list[str]:
    """Names of experiments as the user gives them, in the paper's order.

    Raises
    ------
    ValueError
        If there is no such experiment.

    Examples
    --------
    >>> from skcnn.study.paper2014.experiments import resolve
    >>> resolve(["fig5", "table2"])
    ['table2', 'fig4']
    """
    chosen: set[str] = set()
    for name in names:
        if name not in EXPERIMENTS and name not in ALIASES:
            known = ", ".join([*EXPERIMENTS, *ALIASES])
            raise ValueError(f"There is no experiment {name!r}; expected some of: {known}.")
        chosen.update(ALIASES.get(name, (name,)))
    return [name for name in EXPERIMENTS if name in chosen]


def _sizes(name: str) -> tuple[int, ...]:
    return () if name == "none" else tuple(int(size) for size in name.split("-"))
