"""The report: the paper's tables and figures, each with the old numbers and the new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skcnn.study.formatting import seconds
from skcnn.study.html import Page, escape
from skcnn.study.paper2014.captions import CAPTIONS
from skcnn.study.paper2014.experiments import QUICK
from skcnn.study.paper2014.pictures import LOOKS, X_LABELS
from skcnn.study.paper2014.settings import QUARTER_HOUR, SECONDS_PER_ITERATION, TEN_HOURS
from skcnn.study.paper2014.tables import X_NAMES, Row, Tables, curve
from skcnn.study.paper2014.verdicts import FAILS, HOLDS, UNCLEAR, Finding, Verdict

COLOURS = {HOLDS: "#0072B2", FAILS: "#D55E00", UNCLEAR: "#6B6B6B"}
_MEASURES = {"test_error": "test", "train_error": "train", "seconds_per_iteration": "s"}
_SHORT = {  # in tables' heads
    "published": "rerun",
    "HOG of 2014": "2014",
    "HOG tuned": "tuned",
    "last commit": "commit",
    "longer": "twice",
}
MARKS = {HOLDS: "✓", FAILS: "✗", UNCLEAR: "?"}


def write_report(
    tables: Tables, verdicts: list[Verdict], pictures: dict[str, Path], about: dict[str, Any]
) -> str:
    """The report as one HTML page that needs nothing else.

    Parameters
    ----------
    tables : dict
        Of `make_tables`.
    verdicts : list of Verdict
    pictures : dict of str to Path
        PNG files by name.
    about : dict
        Images, settings and circumstances of the rerun.

    Returns
    -------
    html : str
    """
    page = Page("The paper of 2014, rerun")
    _opening(page, tables, verdicts, about)
    _verdicts(page, verdicts, about)
    _protocols(page, about)
    drawn = set()
    for experiment, rows in tables.items():
        caption = CAPTIONS[experiment]
        page.section(caption.heading)
        page.text(caption.text)
        name = "fig10_11" if experiment in ("fig10", "fig11") else experiment
        if name not in drawn:
            drawn.add(name)
            page.figure(
                pictures[name], f"{caption.figure} {_circumstances(about)}", caption.heading
            )
        for verdict in verdicts:
            if verdict.experiment == experiment:
                page.text(_line(verdict))
        _table(page, experiment, rows, about)
        if experiment == "reasons" and about["is_full_mnist"]:
            page.text(_nearest(rows))
    _made(page, about)
    return page.render()


def _opening(page: Page, tables: Tables, verdicts: list[Verdict], about: dict[str, Any]) -> None:
    page.raw(f"<h1>{escape(page.title)}</h1>")
    page.raw(
        f"<p class='byline'>{escape(about['date'])} · skcnn {escape(about['versions']['skcnn'])} · "
        f"{escape(about['name'])}: {about['train_images']:,} training and "
        f"{about['test_images']:,} test images · {_count(about['seeds'], 'seed')} · "
        f"{_count(about['cores'], 'core')}</p>"
    )
    page.text(
        "F. Bastani and Z. Wang, <em>Convolutional Neural Networks for Classifying Handwritten "
        "Digits</em> (2014), trained every network for three or ten hours. Here are all its "
        "experiments again: <b>as published</b>, with the paper's initial weights, schedule and "
        "number of iterations in place of its hours, and <b>trained today</b>, the same networks "
        "on as many images with a training of today."
    )
    if about["quick"]:
        page.raw(
            f"<div class='note'><p>A <b>quick run</b> on few images with {QUICK:.0%} of the "
            "iterations. It shows what the report looks like. <b>Its numbers and verdicts mean "
            "nothing</b>; for those, run without <code>--quick</code>.</p></div>"
        )
    elif not about["is_full_mnist"]:
        page.raw(
            f"<div class='note'><p>These are not the paper's images: the new numbers are of "
            f"{escape(about['name'])}, the paper's of MNIST. {_scaled(about)}</p></div>"
        )
    said = _headline(tables, about) + _counted(verdicts)
    if said:
        page.raw(f"<div class='abstract'><p><b>In short.</b> {said}</p></div>")
    page.raw("{contents}")


def _counted(verdicts: list[Verdict]) -> str:
    """How many of the paper's conclusions hold."""
    conclusions = [verdict for verdict in verdicts if verdict.is_conclusion]
    if not conclusions:
        return ""

    def count(way: str, status: str) -> int:
        return sum(getattr(verdict, way).status == status for verdict in conclusions)

    return (
        f"Of {len(conclusions)} conclusions, {count('published', HOLDS)} hold as published "
        f"({count('published', UNCLEAR)} are not clear), and {count('today', HOLDS)} when the same "
        f"networks are trained as one would today ({count('today', UNCLEAR)} are not clear)."
    )


def _headline(tables: Tables, about: dict[str, Any]) -> str:
    """The paper's ten hours against ours, from the timed iterations; on the paper's images."""
    if "table2" not in tables or not about["is_full_mnist"]:
        return ""
    time = curve(tables["table2"], "published", "seconds_per_iteration")["none"]
    new = {s: curve(tables["table2"], s)["none"] for s in ("published", "today")}
    return (
        f"An iteration of the paper's network took {SECONDS_PER_ITERATION} seconds and takes "
        f"{1000 * time:.0f} milliseconds now, {SECONDS_PER_ITERATION / time:,.0f} times less: its "
        f"ten hours, {TEN_HOURS:,} iterations, are {seconds(TEN_HOURS * time)}. Its test error "
        f"without a hidden layer was 2.69 %; rerun as published it is {new['published']:.2f} %, "
        f"trained today {new['today']:.2f} %. "
    )


def _verdicts(page: Page, verdicts: list[Verdict], about: dict[str, Any]) -> None:
    if not verdicts:
        return
    page.section("What holds")
    page.table(
        "The paper's conclusions. A difference counts if it is larger than two standard errors "
        + (
            f"(of {about['test_images']:,} test images; how much another start would change is "
            "not in it, as there is only one seed)."
            if about["seeds"] == 1
            else f"(of {about['test_images']:,} test images and {about['seeds']} seeds together)."
        ),
        ["", "conclusion of the paper", "as published", "trained today"],
        [
            [
                escape(CAPTIONS[v.experiment].name),
                escape(v.claim),
                _status(v.published),
                _status(v.today),
            ]
            for v in verdicts
        ],
    )


def _status(finding: Finding) -> str:
    return (
        f"<b style='color:{COLOURS[finding.status]}'>{MARKS[finding.status]} {finding.status}</b>"
        f"<br>{escape(finding.text)}"
    )


def _line(verdict: Verdict) -> str:
    return (
        f"<em>{escape(verdict.claim)}</em> As published: {_status_word(verdict.published)}. "
        f"Trained today: {_status_word(verdict.today)}."
    )


def _status_word(finding: Finding) -> str:
    colour = COLOURS[finding.status]
    return f"<b style='color:{colour}'>{MARKS[finding.status]} {finding.status}</b>"


def _protocols(page: Page, about: dict[str, Any]) -> None:
    page.section("The two ways of training")
    page.table(
        "The network is the same: convolution with 64 filters of 13 x 13 pixels, sigmoid, mean "
        "over 2 x 2 regions, softmax, unless an experiment changes it.",
        ["", "as published", "trained today"],
        [
            ["initial weights", "U[-1, 1), biases too", "Glorot's, biases 0"],
            ["pixels", "divided by 256", "mean 0, standard deviation 1"],
            ["optimizer", "momentum 0.5, after 20 iterations 0.9", "Adam"],
            ["learning rate", "150 / (150 + i) on iteration i", "one cycle, at most 0.02"],
            ["mini-batches", "256 images, with replacement", "64 images, in passes"],
            [
                "images seen",
                "1,181 x 256 in place of ten hours, 354 x 256 in place of three",
                "as many",
            ],
        ],
    )
    page.text(
        f"Training errors are measured on up to {about['test_images'] // 2:,} of the training "
        "images (1,000 for the tuned HOG). The time of an iteration is measured alone with all "
        "cores; everything else runs "
        "one thread per network, as many networks at a time as there are cores, with the same "
        "results bit for bit. What the text of the paper leaves out (mini-batch, schedules, "
        "initial weights) is from its full report and published code."
    )


def _table(page: Page, experiment: str, rows: list[Row], about: dict[str, Any]) -> None:
    """The numbers, a line for each x; not for the heatmaps, whose picture has them."""
    if experiment.startswith("heatmap") or experiment == "fig9":
        return
    if experiment == "fig8":
        step = max(1, len({r["x"] for r in rows if r["series"] == "today"}) // 10)
        kept = [r["x"] for r in rows if r["series"] == "today"][step - 1 :: step]
        rows = [r for r in rows if r["x"] in kept]
    xs = list(dict.fromkeys(row["x"] for row in rows))
    labels = X_LABELS.get(experiment, {})
    measures = dict(_MEASURES)
    if experiment == "reasons":  # the paper's numbers are test errors; the CSV file has the others
        del measures["train_error"]
    columns = [
        (name, series, column)
        for column, name in measures.items()
        for series in LOOKS
        if curve(rows, series, column)
        and not (column == "seconds_per_iteration" and series == "today")
    ]
    errors = "test and training errors" if "train_error" in measures else "test errors"
    cells = {(row["series"], row["x"]): row for row in rows}
    timed = any(column == "seconds_per_iteration" for *_, column in columns)
    page.table(
        f"{escape(CAPTIONS[experiment].name)} in numbers: {errors} in percent"
        f"{', and seconds (s) of an iteration' if timed else ''}. {_circumstances(about)}",
        [X_NAMES[experiment], *(f"{name}: {_SHORT.get(s, s)}" for name, s, _ in columns)],
        [
            [
                escape(labels.get(x, x)),
                *(_value(cells.get((series, x)), column) for _, series, column in columns),
            ]
            for x in xs
        ],
        numbers=range(1, len(columns) + 1),
    )


def _nearest(rows: list[Row]) -> str:
    """Which training comes nearest to each of the paper's numbers."""
    said = []
    for x, paper in curve(rows, "paper").items():
        found = {row["series"]: row["test_error"] for row in rows if row["x"] == x}
        del found["paper"]
        series = min(found, key=lambda name: abs(found[name] - paper))
        said.append(
            f"{X_LABELS['reasons'][x]}: {LOOKS[series].label} ({found[series]:.2f} %; the paper: "
            f"{paper} %)"
        )
    return f"Nearest to the paper's number: {escape('; '.join(said))}."


def _value(row: Row | None, column: str) -> str:
    if row is None or row[column] is None:
        return ""
    if column == "seconds_per_iteration":
        return f"{row[column]:.3g}"
    spread = row.get(f"{column}_sd")
    return f"{row[column]:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def _circumstances(about: dict[str, Any]) -> str:
    """For captions: on what, how often."""
    new = f"{about['train_images']:,} training images of {escape(about['name'])}"
    many = about["seeds"] > 1
    spread = ", bars or ± are standard deviations" if many else ""
    quick = f"; <b>quick run, {QUICK:.0%} of the iterations</b>" if about["quick"] else ""
    return f"New values: {new}, {_count(about['seeds'], 'seed')}{spread}{quick}."


def _scaled(about: dict[str, Any]) -> str:
    side = about["image_side"]
    if side == 28:
        return ""
    return (
        f"Filter sizes are given as in the paper, for 28 x 28 pixels; on these images of {side} "
        "pixels they are smaller in proportion, and several may come to the same."
    )


def _made(page: Page, about: dict[str, Any]) -> None:
    page.section("To repeat this")
    page.raw(f"<pre>{escape(about['command'])}</pre>")
    names = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    page.text(
        f"{about['runs']:,} runs, {seconds(about['fit_seconds'])} of training in all; this "
        f"command took {seconds(about['elapsed'])} on {_count(about['cores'], 'core')}, with what "
        f"it found finished. {escape(names)}; {escape(about['system'])}.",
        f"{escape(about['source'])} Fig. 8 has a point every {QUARTER_HOUR:.1f} iterations, a "
        "quarter of an hour of the paper's. Beside this file: the pictures "
        "(<code>pictures/</code>) and every table as CSV (<code>tables/</code>), the paper's "
        "values among them; finished runs (<code>parts/</code>), which are not made again.",
    )


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
