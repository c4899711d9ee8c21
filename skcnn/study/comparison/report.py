"""The report: an article about one comparison, made from its results and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skcnn.study.comparison import chapters
from skcnn.study.comparison.conclusions import brief
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.formatting import listing, percent, seconds, setting
from skcnn.study.html import Page, escape

CANDIDATES_SHOWN = 5


def write_report(results: dict[str, Any], pictures: dict[str, Path]) -> str:
    """The report as one HTML page.

    Parameters
    ----------
    results : dict
        As in ``results.json``.
    pictures : dict of str to Path
        PNG files by name.

    Returns
    -------
    html : str
    """
    data = results["data"]
    page = Page(f"CNN against HOG + SVC on {data['name']}")
    _opening(page, results)
    _what_was_compared(page, results, pictures)
    _tuning(page, results, pictures)
    chapters.test_errors(page, results, pictures)
    chapters.learning_curves(page, results, pictures)
    chapters.costs(page, results, pictures)
    chapters.inside(page, results, pictures)
    page.section("What to conclude").items(escape(text) for text in results["conclusions"])
    _repeating(page, results)
    return page.render()


def _opening(page: Page, results: dict[str, Any]) -> None:
    data, when = results["data"], results["environment"]
    page.raw(f"<h1>{escape(page.title)}</h1>")
    page.raw(
        f"<p class='byline'>{escape(when['date'])} · skcnn {escape(when['skcnn'])} · "
        f"{data['train_images']:,} training and {data['test_images']:,} test images · "
        f"{when['cores']} {'core' if when['cores'] == 1 else 'cores'}</p>"
    )
    summary = escape(brief(results))
    page.raw(f"<div class='abstract'><p><b>In short.</b> {summary}</p></div>")
    if results["settings"]["quick"]:
        page.raw(
            "<div class='note'><p>A <b>quick run</b>: small searches and few points. It shows what "
            "the report looks like; for figures to rely on, run without <code>--quick</code>.</p>"
            "</div>"
        )
    page.contents()


def _what_was_compared(page: Page, results: dict[str, Any], pictures: dict[str, Path]) -> None:
    data, settings = results["data"], results["settings"]
    height, width, channels = data["image_shape"]
    colour = "" if channels == 1 else f", {channels} channels"
    page.section("What was compared, and how")
    page.text(
        f"<b>The images.</b> {escape(data['source'])} An image has {height} x {width} pixels"
        f"{colour} and belongs to one of {len(data['classes'])} classes.",
    )
    page.figure(
        pictures["examples"],
        f"Training images of {'every class' if len(data['classes']) <= 12 else 'some classes'}, "
        "the first ones of each.",
        "Examples of the training images",
        width="80%",
    )
    page.text("<b>The contenders.</b> Three pipelines of scikit-learn:")
    page.items(f"<b>{escape(who.name)}</b>: {who.text}" for who in CONTENDERS.values())
    searched = next(iter(results["search"].values()))
    how = (
        "grid search (<code>GridSearchCV</code>)"
        if settings["search"] == "grid"
        else "successive halving (<code>HalvingGridSearchCV</code>)"
    )
    every = "all" if searched["images"] == data["train_images"] else "a random part of"
    runs = len(settings["seeds"])
    page.text(
        f"<b>The protocol</b> is the same for all. The settings of each are chosen by {how} with "
        f"{searched['folds']}-fold stratified cross-validation on {every} the training images "
        f"({searched['images']:,}), with the same folds, and the same time allowed. The test "
        f"images play no part in it. (Networks are trained for {searched['epochs']} epochs there.) "
        "With the chosen settings each is then trained on all the training images, alone in a "
        "process of its own (this gives test error, times and memory), and on "
        f"{listing([f'{share} %' for share in settings['shares_used']])} of them, "
        f"{runs} {'time' if runs == 1 else 'times'} with different seeds (the learning curves). "
        "A seed chooses the subset, which holds the classes in proportion and within which the "
        "smaller ones lie, and the start of the network; all contenders get the same subsets.",
    )
    for share, images in results["left_out"]:
        page.text(
            f"{share} % of the training images would be {images}: fewer than two per class. This "
            "point is left out."
        )


def _tuning(page: Page, results: dict[str, Any], pictures: dict[str, Path]) -> None:
    page.section("Tuning")
    page.figure(
        pictures["search"],
        "Every setting that was tried, by its cross-validated error; bars are the standard "
        "deviation over the folds. The flatter the curve, the less depends on tuning. "
        + _search_caption(results),
        "Cross-validated errors of all candidates",
    )
    rows = []
    for key, found in results["search"].items():
        for place, row in enumerate(found["rows"][:CANDIDATES_SHOWN]):
            rows.append(
                [
                    f"<b>{escape(CONTENDERS[key].name)}</b>" if place == 0 else "",
                    escape(setting(row["params"])),
                    f"{100 * row['error']:.2f} ± {100 * row['spread']:.2f}",
                    escape(seconds(row["fit_seconds"])),
                ]
            )
    page.table(
        f"The best {CANDIDATES_SHOWN} settings of each; the first is used from here on. Times are "
        "of fits that ran side by side.",
        ["", "settings", "cross-validated error (%)", "one fit"],
        rows,
        numbers={2, 3},
    )


def _search_caption(results: dict[str, Any]) -> str:
    tried = [
        f"{CONTENDERS[key].name} {len(found['rows'])} of {found['total']}"
        for key, found in results["search"].items()
    ]
    searched = next(iter(results["search"].values()))
    return escape(
        f"Settings tried: {listing(tried)}; {searched['folds']} folds of {searched['images']:,} "
        "images, seed 0."
    )


def _repeating(page: Page, results: dict[str, Any]) -> None:
    settings, machine = results["settings"], results["environment"]
    page.section("To repeat this")
    page.raw(f"<pre>{escape(results['command'])}</pre>")
    page.table(
        "The settings chosen; all others are the defaults.",
        ["contender", "settings"],
        [
            [
                escape(CONTENDERS[key].name),
                f"<code>{escape(setting(params)) or 'none'}</code>",
            ]
            for key, params in results["params"].items()
        ],
    )
    versions = ", ".join(
        f"{name} {machine[name]}"
        for name in ("skcnn", "python", "numpy", "scipy", "scikit-learn", "scikit-image")
    )
    page.text(
        f"Seeds: {listing([str(seed) for seed in settings['seeds']])} for subsets and networks, 0 "
        "for the split into training and test images (where there is none), the search and the "
        f"final fits. {escape(versions)}; {escape(machine['system'])}, {machine['cores']} cores. "
        f"Time budget {seconds(settings['time_budget'])}; this run took "
        f"{seconds(machine['seconds'])}, without what it found finished.",
        "Beside this file: the pictures (<code>pictures/</code>), every table as CSV "
        "(<code>tables/</code>), all the figures (<code>results.json</code>), and the fitted "
        "pipelines for <code>joblib.load</code> (<code>models/</code>). Predictions for every test "
        f"image are in <code>tables/predictions.csv</code>. Errors here are shares of images: "
        f"{percent(0.01, 0)} is one in a hundred.",
    )
