"""The report of a comparison: an article in HTML."""

from __future__ import annotations

from skcnn._text import count
from skcnn.study.comparison import report_sections as sections
from skcnn.study.comparison.conclusions import (
    brief,
    name,
    share_text,
)
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.comparison.figures import (
    MAX_CLASSES,
)
from skcnn.study.comparison.report_sections import Figures, seeds_text
from skcnn.study.comparison.results import Results
from skcnn.study.formatting import listing, plus_minus, seconds, setting
from skcnn.study.html import Page, escape
from skcnn.study.provenance import reproducing_command

CANDIDATES_SHOWN = 5
REFERENCES = (
    "F. Bastani and Z. Wang, <em>Convolutional Neural Networks for Classifying Handwritten "
    "Digits</em>, 2014.",
    "N. Dalal and B. Triggs, <em>Histograms of Oriented Gradients for Human Detection</em>, CVPR, "
    "2005.",
    "A. Coates, H. Lee and A. Ng, <em>An Analysis of Single-Layer Networks in Unsupervised Feature "
    "Learning</em>, AISTATS, 2011.",
)
DAISY_REFERENCE = (
    "E. Tola, V. Lepetit and P. Fua, <em>DAISY: An Efficient Dense Descriptor Applied to "
    "Wide-Baseline Stereo</em>, IEEE Transactions on Pattern Analysis and Machine Intelligence 32, "
    "2010."
)


def write_report(results: Results, conclusions: list[str], figures: Figures) -> str:
    """The report as one HTML page; `conclusions` are paragraphs of plain text."""
    features = results.settings.features
    title = "Features of images, compared" if features else "CNN versus HOG + SVC"
    page = Page(f"{title} on {results.images.name}")
    _opening(page, results)
    _methods(page, results, figures)
    _tuning(page, results, figures)
    sections.test_errors(page, results, figures)
    sections.learning_curves(page, results, figures)
    sections.costs(page, results, figures)
    sections.mistakes(page, results, figures)
    sections.explanations(page, results, figures)
    page.section("Conclusions").items(escape(text) for text in conclusions)
    _reproduction(page, results)
    page.section("References").items([*REFERENCES, *([DAISY_REFERENCE] if features else [])])
    return page.render()


def _opening(page: Page, results: Results) -> None:
    images, machine = results.images, results.environment
    page.opening(
        machine.date,
        f"skcnn {machine.versions['skcnn']}",
        f"{len(images.y_train):,} training and {len(images.y_test):,} test images",
        count(machine.cores, "core"),
    )
    page.box("abstract", f"<b>Summary.</b> {escape(brief(results))}")
    if results.settings.quick:
        page.box(
            "note",
            "This is a <b>quick run</b> with small searches and few points. It only shows what the "
            "report looks like. For reliable numbers, run without <code>--quick</code>.",
        )


def _methods(page: Page, results: Results, figures: Figures) -> None:
    images, settings, searched = results.images, results.settings, results.search["cnn"]
    height, width, channels = images.image_shape
    channel = "" if channels == 1 else f" and {channels} channels"
    classes = "each class" if len(images.classes) <= MAX_CLASSES else "some of the classes"
    grid = settings.search == "grid"
    method = "grid search" if grid else "successive halving"
    search = f"{method} (<code>{'GridSearchCV' if grid else 'HalvingGridSearchCV'}</code>)"
    part = "" if searched.images == len(images.y_train) else "a random subset of "
    used, left_out = results.subsets
    shares = listing([share_text(share) for share, _ in used])
    labels_only = (
        " A subset is the images whose labels may be used: features that need no labels are those "
        "of the fit to all training images, and only the classifier on them is fitted again."
        if settings.features
        else ""
    )
    page.section("Methods")
    page.text(
        f"<b>Data.</b> {escape(images.source)} Each image has {height} x {width} pixels{channel} "
        f"and belongs to one of {len(images.classes)} classes."
    )
    page.figure(figures["examples"], f"The first training images of {classes}.", width=80)
    page.text(f"<b>Contenders.</b> {len(settings.contenders)} scikit-learn pipelines are compared:")
    page.items(
        f"<b>{escape(name(key))}</b>: {CONTENDERS[key].description}" for key in settings.contenders
    )
    page.text(
        "<b>Protocol.</b> The protocol is the same for all contenders. Their hyperparameters are "
        f"chosen by {search} with {searched.folds}-fold stratified cross-validation on {part}the "
        f"training images ({searched.images:,}), with the same folds. Each may take an equal part "
        "of the time that the searches before it have left. In "
        f"the search a network is trained for {searched.epochs} epochs. The test images are not "
        "used. With the chosen hyperparameters each contender is then fitted to all training "
        "images, alone in a process of its own, which gives test error, times and memory.",
        f"For the learning curves each contender is fitted to {shares} of the training images, "
        f"with {count(settings.seeds, 'seed')}. A seed determines the subsets, the "
        "initial weights of networks and the patches. The subsets are nested, hold the classes in "
        f"proportion, and are the same for all contenders.{labels_only}",
    )
    if left_out:
        sizes = listing([f"{share_text(share)} ({count(n, 'image')})" for share, n in left_out])
        page.text(f"Shares with fewer than two images per class are left out: {sizes}.")


def _tuning(page: Page, results: Results, figures: Figures) -> None:
    searched = results.search["cnn"]
    tried = [
        f"{len(found.rows)} of {found.total} for {escape(name(key))}"
        for key, found in results.search.items()
    ]
    order, rounds = "in ascending order", ""
    if results.settings.search == "halving":
        sizes = {
            f"{escape(name(key))}: {listing([f'{n:,}' for n in found.sizes])}": found.sizes
            for key, found in results.search.items()
        }
        alike = all(found == searched.sizes for found in sizes.values())
        images = listing([f"{n:,}" for n in searched.sizes]) if alike else "; ".join(sizes)
        order = (
            "those of the last round first, then those that the rounds before it left out, each "
            "round in ascending order"
        )
        rounds = (
            " A setting has the error of the last round that it reached. Errors of rounds with "
            "fewer images cannot be compared with those of the last; their markers are hollow. "
            f"Training images per fit, last round first: {images}."
        )
    page.section("Hyperparameter search")
    page.figure(
        figures["search"],
        f"Cross-validated errors of all settings that were tried, {order}. Bars show the standard "
        f"deviation over the folds.{rounds} The flatter the curve, the less the contender depends "
        f"on tuning. Settings tried, those closest to the defaults first: {listing(tried)}; "
        f"{searched.folds} folds of {searched.images:,} images, seed 0.",
    )
    page.table(
        f"The {CANDIDATES_SHOWN} best settings of each contender. All that follows uses the first. "
        "Errors are shares of all images of the folds, ± the standard deviation over the folds. "
        "Times were measured while other fits ran in parallel. Images are those of a fit.",
        ["", "settings", "images", "cross-validated error (%)", "time per fit"],
        [
            [
                f"<b>{escape(name(key))}</b>" if rank == 0 else "",
                escape(setting(row.params)),
                f"{row.images:,}",
                plus_minus(100 * row.error, 100 * row.spread),
                seconds(row.fit_seconds),
            ]
            for key, found in results.search.items()
            for rank, row in enumerate(found.rows[:CANDIDATES_SHOWN])
        ],
        numbers={2, 3, 4},
    )


def _reproduction(page: Page, results: Results) -> None:
    settings = results.settings
    page.section("Reproducing this report")
    page.raw(f"<pre>{escape(reproducing_command(settings, 'compare'))}</pre>")
    page.table(
        "The chosen hyperparameters; all others have their default values.",
        ["contender", "settings"],
        [
            [escape(name(key)), f"<code>{escape(setting(params)) or 'defaults'}</code>"]
            for key, params in results.params.items()
        ],
    )
    page.text(
        f"The subsets and networks of the learning curves use {seeds_text(results)}; the split "
        "into training and test images (if the data have none), the searches and the final fits "
        f"use seed 0. The time budget was {seconds(settings.time_budget)}. This run took "
        f"{seconds(results.elapsed)}, excluding results stored by earlier runs. Versions and "
        f"machine: {escape(results.environment)}.",
        "The folder of this file also contains the figures (<code>pictures/</code>), all tables as "
        "CSV files (<code>tables/</code>; <code>predictions.csv</code> has the predictions for "
        "every test image), all results (<code>results.json</code>), and the fitted pipelines for "
        "<code>joblib.load</code> (<code>models/</code>). These pipelines can run any code when "
        "they are loaded: load them only if you trust whoever made this report. In these files, "
        "errors are fractions: 0.01 means 1 %.",
    )
