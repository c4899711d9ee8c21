"""The report: the paper's tables and figures, each with the old and the new values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from skcnn._text import count
from skcnn.displays._common import BLUE, GREY, VERMILION
from skcnn.study.data import Images
from skcnn.study.formatting import percent, plus_minus, seconds
from skcnn.study.html import Page, escape
from skcnn.study.paper2014.experiments import COMPARED, EXPERIMENTS, QUICK
from skcnn.study.paper2014.figures import LOOKS
from skcnn.study.paper2014.runs import (
    HOG_TUNED,
    TUNED_TRAIN_ERROR_IMAGES,
    FitResult,
    Results,
    n_watched,
)
from skcnn.study.paper2014.settings import (
    BATCH,
    IMAGE_SIDE,
    TEN_HOURS,
    THREE_HOURS,
    Settings,
)
from skcnn.study.paper2014.tables import Row, Tables, curve
from skcnn.study.paper2014.verdicts import FAILS, HOLDS, UNCLEAR, Finding, Verdict
from skcnn.study.provenance import Environment, environment, reproducing_command
from skcnn.study.published import DEFAULT_TEST_ERROR

_MARKS = {HOLDS: ("✓", BLUE), FAILS: ("✗", VERMILION), UNCLEAR: ("?", GREY)}
_MEASURES = {"test_error": "test", "train_error": "train", "seconds_per_iteration": "s"}


def write_report(
    settings: Settings,
    images: Images,
    results: Results,
    tables: Tables,
    verdicts: Sequence[Verdict],
    figures: Mapping[str, Path],
    elapsed: float,
) -> str:
    """The report as one HTML page.

    `figures` are PNG files, which it embeds; `elapsed` are the seconds that the command took.
    """
    page = Page("A rerun of Bastani and Wang (2014)")
    made = environment(settings.workers)
    _opening(page, settings, images, made)
    summary = _speed_and_error(tables, images) + _counted(verdicts)
    if summary:
        page.box("abstract", f"<b>Summary.</b> {summary}")
    if verdicts:
        _verdicts(page, verdicts, settings, images)
    _protocols(page, images)
    origin = _origin(settings, images)
    for name, rows in tables.items():
        experiment = EXPERIMENTS[name]
        page.section(experiment.heading)
        page.text(experiment.text)
        if name == "fig11" and "fig10" in tables:
            page.text("The figure of the previous section shows its errors.")
        else:
            figure = figures["fig10_11" if name in ("fig10", "fig11") else name]
            page.figure(figure, f"{experiment.caption} {origin}", experiment.heading)
        for verdict in verdicts:
            if verdict.experiment == name:
                page.text(
                    f"<em>{escape(verdict.claim)}</em> As published: {_mark(verdict.published)}; "
                    f"trained today: {_mark(verdict.today)}."
                )
        if not name.startswith("heatmap") and name != "fig9":  # the figure shows all numbers
            _table(page, name, rows, origin)
        if name == "reasons" and images.is_full_mnist:
            page.text(closest_training(rows))
    names = ["all"] if [*tables] == [*EXPERIMENTS] else tables
    command = reproducing_command(settings, "paper", *names)
    _reproduction(page, command, images, results, made, elapsed)
    return page.render()


def _opening(page: Page, settings: Settings, images: Images, made: Environment) -> None:
    page.opening(
        made.date,
        f"skcnn {made.versions['skcnn']}",
        f"{images.name}: {len(images.y_train):,} training and {len(images.y_test):,} test images",
        count(settings.seeds, "seed"),
        count(made.cores, "core"),
    )
    page.text(
        "F. Bastani and Z. Wang, <em>Convolutional Neural Networks for Classifying Handwritten "
        "Digits</em> (2014), trained each network for three or ten hours. This report repeats "
        "their experiments in two ways: <b>as published</b>, with the paper's initial weights and "
        "learning rates, for as many iterations as the paper's code completed in these hours with "
        "its default network; and <b>trained today</b>, the same networks on the same number of "
        "images with today's training methods. (In the paper, larger networks completed fewer "
        "iterations in this time, smaller ones more.) Headings name the tables, figures and "
        "sections of the paper."
    )
    if settings.quick:
        page.box(
            "note",
            f"This is a <b>quick run</b> on few images, with {percent(QUICK, 0)} of the "
            "iterations, to preview the report. <b>Its numbers and verdicts mean nothing</b>; for "
            "meaningful ones, run the command without <code>--quick</code>.",
        )
    elif not images.is_full_mnist:
        side = min(images.image_shape[:2])
        scaled = (
            f" Filter sizes are those of the paper, for images of {IMAGE_SIDE} x {IMAGE_SIDE} "
            f"pixels. For these images of {side} pixels per side, filters are scaled in proportion "
            "and rounded, so several sizes may give the same filter."
        )
        page.box(
            "note",
            f"The new values are for {escape(images.name)}, the paper's for MNIST."
            f"{'' if side == IMAGE_SIDE else scaled}",
        )


def _origin(settings: Settings, images: Images) -> str:
    """For captions: the images and seeds that the new values are from."""
    spread = "; error bars and ±: standard deviation over the seeds"
    quick = f"; <b>quick run with {percent(QUICK, 0)} of the iterations</b>"
    return (
        f"New values: {len(images.y_train):,} training images of {escape(images.name)}, "
        f"{count(settings.seeds, 'seed')}{spread if settings.seeds > 1 else ''}"
        f"{quick if settings.quick else ''}."
    )


def _speed_and_error(tables: Tables, images: Images) -> str:
    """Time and error of the default network, then and now; only for the paper's images."""
    if "table2" not in tables or not images.is_full_mnist:
        return ""
    rows = tables["table2"]
    old, new = (curve(rows, s, "seconds_per_iteration")["none"] for s in ("paper", "published"))
    published, today = (curve(rows, series)["none"] for series in COMPARED)
    return (
        f"An iteration of the paper's network took {old} s in 2014 and takes {1000 * new:.0f} ms "
        f"now ({old / new:,.0f} times faster). Its ten hours of training, {TEN_HOURS:,} "
        f"iterations, take {seconds(TEN_HOURS * new)}. Without a hidden layer, the test error is "
        f"{DEFAULT_TEST_ERROR} % in the paper, {published:.2f} % as published, and {today:.2f} % "
        "trained today. "
    )


def _counted(verdicts: Sequence[Verdict]) -> str:
    """How many of the paper's conclusions hold."""
    statuses = [(v.published.status, v.today.status) for v in verdicts if v.is_conclusion]
    if not statuses:
        return ""
    published, today = zip(*statuses, strict=True)
    return (
        f"The rerun as published confirms {published.count(HOLDS)} of "
        f"{count(len(statuses), 'conclusion')} of the paper and leaves {published.count(UNCLEAR)} "
        f"open. With today's training, the same networks confirm {today.count(HOLDS)} and leave "
        f"{today.count(UNCLEAR)} open."
    )


def _verdicts(page: Page, verdicts: Sequence[Verdict], settings: Settings, images: Images) -> None:
    n_test = len(images.y_test)
    seeds = (
        f"The variation between training runs is included, estimated from {settings.seeds} seeds."
        if settings.seeds > 1
        else "With a single seed, the variation between training runs is not included."
    )
    page.section("The paper's conclusions")
    page.table(
        "Verdicts on the paper's conclusions. A difference is significant if it exceeds two "
        f"of its standard errors, computed from the {n_test:,} test images (training errors: from "
        "the training images on which they are measured, at most "
        f"{n_watched(n_test):,}). Both test errors of a difference are measured on the same "
        "images, but their standard errors are combined as if they were independent, which is "
        f"conservative. {seeds} {_origin(settings, images)}",
        ["in the paper", "conclusion", "as published", "trained today"],
        [
            [
                escape(EXPERIMENTS[verdict.experiment].name),
                escape(verdict.claim),
                *(f"{_mark(f)}<br>{escape(f.text)}" for f in (verdict.published, verdict.today)),
            ]
            for verdict in verdicts
        ],
    )


def _mark(finding: Finding) -> str:
    mark, colour = _MARKS[finding.status]
    return f"<b style='color:{colour}'>{mark} {finding.status}</b>"


def _protocols(page: Page, images: Images) -> None:
    watched = n_watched(len(images.y_test))
    fewer = f" ({TUNED_TRAIN_ERROR_IMAGES:,} for {HOG_TUNED})"
    page.section("The two training protocols")
    page.table(
        "Training. Unless an experiment changes it, the network is the same: convolution with 64 "
        "filters of 13 x 13 pixels, sigmoid, mean pooling over 2 x 2 regions, softmax.",
        ["", "as published", "trained today"],
        [
            ["initial weights", "uniform in [-1, 1), also for biases", "Glorot, biases 0"],
            ["pixels", "divided by 256", "standardized to mean 0 and standard deviation 1"],
            ["optimizer", "SGD, momentum 0.5, after 20 iterations 0.9", "Adam"],
            ["learning rate", "150 / (150 + i) in iteration i", "one cycle, at most 0.02"],
            ["mini-batches", "256 images, with replacement", "64 images, without replacement"],
            [
                "images seen",
                f"{TEN_HOURS:,} x {BATCH} for ten hours, {THREE_HOURS:,} x {BATCH} for three",
                "the same number",
            ],
        ],
    )
    page.text(
        f"Training errors are measured on at most {watched:,} training images"
        f"{fewer if watched > TUNED_TRAIN_ERROR_IMAGES else ''}. The time of an iteration is "
        "measured alone, on all cores. Otherwise every network is trained on one thread, as many "
        "networks at a time as there are cores; the number of threads does not change the results. "
        "Settings that the text of the paper omits (mini-batch size, schedules, initial weights) "
        "are from its full report and its published code."
    )


def _table(page: Page, name: str, rows: Sequence[Row], origin: str) -> None:
    """The values of an experiment, one line for each x."""
    experiment = EXPERIMENTS[name]
    xs = list(dict.fromkeys(row.x for row in rows))
    if name == "fig8":  # about ten of the rerun's iterations
        xs = [row.x for row in rows if row.series == "today"]
        step = max(1, len(xs) // 10)
        xs = xs[step - 1 :: step]
        rows = [row for row in rows if row.x in xs]
    columns = {
        f"{measure}: {LOOKS[series].label}": (series, column)
        for column, measure in _MEASURES.items()
        for series in LOOKS
        if curve(rows, series, column)
        and (series, column) != ("today", "seconds_per_iteration")  # timed as published
    }
    cells = {(row.series, row.x): row for row in rows}
    page.table(
        "Test and training errors in percent"
        f"{', seconds (s) per iteration' if 's: paper' in columns else ''}"
        f"{f' ({experiment.name} of the paper)' if experiment.name else ''}. {origin}",
        [experiment.x_names[0], *columns],
        [
            [
                escape(experiment.labels.get(x, x)),
                *(_value(cells.get((series, x)), column) for series, column in columns.values()),
            ]
            for x in xs
        ],
        numbers=range(1, len(columns) + 1),
    )


def _value(row: Row | None, column: str) -> str:
    value = getattr(row, column, None)
    if value is None:
        return ""
    if column == "seconds_per_iteration":
        return f"{value:.3g}"
    return plus_minus(value, getattr(row, f"{column}_sd"))


def closest_training(rows: Sequence[Row]) -> str:
    """Which training of the table of possible reasons is closest to each of the paper's numbers."""
    parts = []
    for x, paper in curve(rows, "paper").items():
        found = {row.series: curve([row], row.series)[x] for row in rows if row.x == x}
        del found["paper"]
        series = min(found, key=lambda name: abs(found[name] - paper))
        parts.append(
            f"{EXPERIMENTS['reasons'].labels[x]}: {LOOKS[series].label} ({found[series]:.2f} %; "
            f"paper: {paper} %)"
        )
    return f"Closest to the paper's numbers: {escape('; '.join(parts))}."


def _reproduction(
    page: Page,
    command: str,
    images: Images,
    results: Results,
    made: Environment,
    elapsed: float,
) -> None:
    training = sum(fit.fit_seconds for fit in results.values() if isinstance(fit, FitResult))
    page.section("How to reproduce this report")
    page.raw(f"<pre>{escape(command)}</pre>")
    page.text(
        escape(images.source),
        f"The rerun consists of {count(len(results), 'run')} with {seconds(training)} of "
        f"training in total. This command took {seconds(elapsed)}; stored runs were not "
        f"repeated. {escape(made)}.",
        "The folder of this file also contains the figures (<code>pictures/</code>), all tables as "
        "CSV files with the paper's values (<code>tables/</code>), and the results of all runs "
        "(<code>parts/</code>), from which an interrupted rerun continues.",
    )
