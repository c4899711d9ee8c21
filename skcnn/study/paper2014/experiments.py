"""The paper's tables and figures: what each one varies, the paper's values, and what to say of it.

Figures share runs (the default network above all); equal runs are made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from skcnn.study import published
from skcnn.study.paper2014.runs import HOG_2014, HOG_TUNED, CNNRun, HOGRun, Run, TimingRun
from skcnn.study.paper2014.settings import (
    GD_ITERATIONS,
    IMAGE_SIDE,
    QUARTER_HOUR,
    TEN_HOURS,
    THREE_HOURS,
)

COMPARED = ("published", "today")  # protocols
QUICK = 0.03  # share of the iterations in a quick run


@dataclass(frozen=True)
class Experiment:
    """A table or a figure of the paper. The texts are HTML.

    A network is trained for each x and each series. Its time is measured if the paper has times.
    """

    title: str
    text: str
    caption: str
    x_names: tuple[str, ...]  # columns of x
    name: str = ""  # in the paper
    settings: Mapping[Any, Mapping[str, Any]] = field(default_factory=dict)  # x: fields of CNNRun
    hog: Mapping[str, Sequence[int]] = field(default_factory=dict)  # shares in percent by variant
    published: Mapping[str, Mapping[Any, float]] = field(default_factory=dict)  # by column and x
    labels: Mapping[str, str] = field(default_factory=dict)  # of values of x that are names
    series: tuple[str, ...] = COMPARED  # protocols; "longer": published, twice the iterations

    @property
    def heading(self) -> str:
        """The heading of its section."""
        return f"{self.title} ({self.name})" if self.name else self.title


@dataclass(frozen=True)
class Point:
    """A run that contributes to the value of a series at x."""

    series: str  # "seconds" for times
    x: Any
    run: Run


def list_points(
    name: str, side: int = IMAGE_SIDE, seeds: int = 1, quick: bool = False
) -> Iterator[Point]:
    """All points of an experiment, for images whose shorter side has `side` pixels.

    Filters keep the size that they have relative to the paper's images of 28 x 28 pixels. Every
    run is repeated with the seeds 0, 1, ...; `quick` shortens it.
    """
    experiment = EXPERIMENTS[name]
    for variant, shares in experiment.hog.items():
        for share in shares:
            for seed in range(1 if share == 100 else seeds):  # 100 %: no randomness
                yield Point(variant, share, HOGRun(variant, share, seed))
    for x, changes in experiment.settings.items():
        for series in experiment.series:
            for seed in range(seeds):
                run = CNNRun(seed=seed, **changes)
                if series == "longer":
                    run = replace(run, iterations=2 * run.iterations)
                else:
                    run = replace(run, protocol=series)
                run = _adapt(run, side, quick)
                yield Point(series, x, run)
        if "seconds_per_iteration" in experiment.published:
            timing = TimingRun(run.filter_size, run.n_filters, run.pool_regions, run.hidden)
            yield Point("seconds", x, timing)


def _adapt(run: CNNRun, side: int, quick: bool) -> CNNRun:
    """The run, given for the paper's images, for these images and this many iterations."""
    size = max(1, round(run.filter_size * side / IMAGE_SIDE))
    shorten = quick and not run.full_batch
    return replace(
        run,
        filter_size=size,
        pool_regions=min(run.pool_regions, side - size + 1),
        iterations=max(2, round(QUICK * run.iterations)) if shorten else run.iterations,
        curve=run in [CNNRun(protocol, seed=run.seed) for protocol in COMPARED],
    )


def _by_iteration(errors: Mapping[float, float]) -> dict[int, float]:
    """Errors by iteration, from errors by hours of training."""
    return {round(hours * TEN_HOURS / 10): error for hours, error in errors.items()}


_HIDDEN = {"none": (), "10": (10,), "16": (16,), "32": (32,), "32-16": (32, 16)}
_SIGMOID = {"output": "sigmoid"}
_GRADIENT_DESCENT = {"full_batch": True, "iterations": GD_ITERATIONS}

EXPERIMENTS = {
    "table2": Experiment(
        name="Table 2",
        title="Hidden layers",
        text="Fully connected layers between the pooling layer and the output layer, trained for "
        "ten hours each.",
        caption="Test error against the sizes of the hidden layers.",
        x_names=("hidden layers",),
        settings={x: {"hidden": sizes} for x, sizes in _HIDDEN.items()},
        published={
            "test_error": published.TABLE2,
            "seconds_per_iteration": published.TABLE2_SECONDS,
        },
        labels={"32-16": "32, then 16"},
    ),
    "fig2": Experiment(
        name="Figs. 2 and 3",
        title="Filter size",
        text="Filters of 5 x 5 to 15 x 15 pixels, trained for ten hours each. The paper attributes "
        "the higher test error of large filters to overfitting. In that case, the training error "
        "(middle panel) would not rise with it.",
        caption="Error and time per iteration against the filter size.",
        x_names=("filter size",),
        settings={x: {"filter_size": x} for x in published.FIG2},
        published={"test_error": published.FIG2, "seconds_per_iteration": published.FIG3_SECONDS},
    ),
    "fig4": Experiment(
        name="Figs. 4 and 5",
        title="Number of filters",
        text="8 to 256 filters, trained for ten hours each. If many filters overfitted, the "
        "training error would fall where the test error rises.",
        caption="Error and time per iteration against the number of filters.",
        x_names=("filters",),
        settings={x: {"n_filters": x} for x in published.FIG4},
        published={"test_error": published.FIG4, "seconds_per_iteration": published.FIG5_SECONDS},
    ),
    "fig6": Experiment(
        name="Figs. 6 and 7",
        title="Pooling regions",
        text="Mean pooling over 1 x 1 to 6 x 6 regions, trained for ten hours each. The rerun "
        "makes the regions as equal in size as possible; the paper's code required them to divide "
        "the feature map evenly.",
        caption="Error and time per iteration against the number of pooling regions per side.",
        x_names=("pooling regions per side",),
        settings={x: {"pool_regions": x} for x in published.FIG6},
        published={"test_error": published.FIG6, "seconds_per_iteration": published.FIG7_SECONDS},
    ),
    "sec5.5": Experiment(
        name="Section 5.5",
        title="Sigmoid output and gradient descent",
        text="Two changes to the default network: an output layer with one sigmoid per class and "
        "the squared error, instead of softmax and cross-entropy; and five steps of gradient "
        "descent, each on all training images, instead of mini-batches.",
        caption="Test error with each output layer and training method.",
        x_names=("change",),
        settings={"softmax": {}, "sigmoid": _SIGMOID, "gradient descent": _GRADIENT_DESCENT},
        published={"test_error": published.SEC55},
        labels={
            "softmax": "default\n(softmax, mini-batches)",
            "sigmoid": "sigmoid output,\nsquared error",
            "gradient descent": "gradient descent on all\nimages, 5 iterations",
        },
    ),
    "fig8": Experiment(
        name="Fig. 8",
        title="Error during training",
        text="The errors of the default network, measured every quarter of an hour of the paper's "
        f"time ({QUARTER_HOUR:.1f} iterations). The table shows some of the points.",
        caption="Training and test error during training. The one-cycle schedule makes its last "
        "gains at the end, as the learning rate falls to zero.",
        x_names=("iteration",),
        settings={"curve": {}},
        published={
            "test_error": _by_iteration(published.FIG8_TEST),
            "train_error": _by_iteration(published.FIG8_TRAIN),
        },
    ),
    "fig9": Experiment(
        name="Fig. 9",
        title="Filters",
        text="The paper shows two of its filters of 13 x 13 pixels; the figure shows all filters "
        "of the rerun.",
        caption="All filters of the default network after ten hours. Negative weights are blue, "
        "positive weights red.",
        x_names=("filters",),
        settings={"filters": {}},
    ),
    "heatmap1": Experiment(
        name="Section 5.6",
        title="Pooling regions and filter size",
        text="Pooling regions and filter size vary together, with 64 filters and three hours of "
        "training each. The paper's code used the nearest setting that divides evenly, so "
        "neighbouring cells of its heatmaps may show the same run. The rerun trains every setting "
        "as given.",
        caption="Training error (top) and test error (bottom) in percent.",
        x_names=("pooling regions per side", "filter size"),
        settings={
            (n, size): {"pool_regions": n, "filter_size": size, "iterations": THREE_HOURS}
            for n, size in published.HEATMAP_REGIONS_SIZES["test_error"]
        },
        published=published.HEATMAP_REGIONS_SIZES,
    ),
    "heatmap2": Experiment(
        name="Section 5.6",
        title="Filter size and number of filters",
        text="Filter size and number of filters vary together, with 2 x 2 pooling regions and "
        "three hours of training each. Values at the top of the paper's colour scale are clipped.",
        caption="Training error (top) and test error (bottom) in percent.",
        x_names=("filter size", "filters"),
        settings={
            (size, n): {"filter_size": size, "n_filters": n, "iterations": THREE_HOURS}
            for size, n in published.HEATMAP_SIZES_FILTERS["test_error"]
        },
        published=published.HEATMAP_SIZES_FILTERS,
    ),
    "fig10": Experiment(
        name="Figs. 10 and 11",
        title="HOG and CNN by training set size",
        text="HOG features and a support vector machine on 5 to 100 % of the training images, and "
        "the network with ten hidden neurons on 10 to 100 % of them. At every share, the network "
        "sees the same number of images, with repetitions. The paper specifies neither the "
        "parameters of MATLAB's HOG nor the SVM. <b>HOG of 2014</b> stands for MATLAB's defaults "
        "(<code>extractHOGFeatures</code>: cells of 8 x 8 pixels, blocks of 2 x 2 cells, "
        "9 orientations; a linear SVM with box constraint 1), which may differ from what the paper "
        "used. <b>HOG tuned</b> is <code>skcnn.make_hog_svc()</code>.",
        caption="Error against the share of the training images.",
        x_names=("percent of the training images",),
        hog={
            HOG_2014: [int(share) for share in published.FIG10_TEST],
            HOG_TUNED: [5, 10, 20, 50, 100],  # few: this SVC takes minutes on 60,000 images
        },
        published={"test_error": published.FIG10_TEST, "train_error": published.FIG10_TRAIN},
    ),
    "fig11": Experiment(
        name="Fig. 11",
        title="The CNN by training set size",
        text="The network with ten hidden neurons on 10 to 100 % of the training images.",
        caption="Error against the share of the training images.",
        x_names=("percent of the training images",),
        settings={x: {"share": x, "hidden": (10,)} for x in published.FIG11_TEST},
        published={"test_error": published.FIG11_TEST, "train_error": published.FIG11_TRAIN},
    ),
    "reasons": Experiment(
        title="Possible reasons for the differences",
        text="Two changes to the training may explain why some numbers of the rerun differ from "
        "the paper's. The series <b>last commit</b> has the learning rate 5 / (50 + i) and the "
        "momentum 0.95, as in the last commit of the paper's code (the report of its authors gives "
        "other values). The series <b>longer</b> has twice as many iterations. A series that "
        "agrees with the paper shows that such training is a possible explanation, not that the "
        "paper used it. The code of the last commit also sums the gradient of the filters over the "
        "mini-batch instead of averaging it, and does not train their biases; the rerun does not "
        "try this.",
        caption="Test error of each network.",
        x_names=("network",),
        settings={
            "none": {},
            "10": {"hidden": (10,)},
            "sigmoid": _SIGMOID,
            "gradient descent": _GRADIENT_DESCENT,
        },
        series=("published", "last commit", "longer"),
        published={"test_error": published.REASONS},
        labels={
            "none": "no hidden layer",
            "10": "10 hidden neurons",
            "sigmoid": "sigmoid output",
            "gradient descent": "gradient descent",
        },
    ),
}
ALIASES = {
    "fig3": ("fig2",),
    "fig5": ("fig4",),
    "fig7": ("fig6",),
    "heatmaps": ("heatmap1", "heatmap2"),
    "sec5.6": ("heatmap1", "heatmap2"),
    "all": tuple(EXPERIMENTS),
}


def resolve(names: Iterable[str]) -> list[str]:
    """The experiments, in the paper's order, that a user means with these names and aliases."""
    chosen: set[str] = set()
    for name in names:
        if name not in EXPERIMENTS and name not in ALIASES:
            raise ValueError(
                f"There is no experiment {name!r}; expected some of: "
                f"{', '.join([*EXPERIMENTS, *ALIASES])}. Pass one or several of these names."
            )
        chosen.update(ALIASES.get(name, (name,)))
    return [name for name in EXPERIMENTS if name in chosen]
