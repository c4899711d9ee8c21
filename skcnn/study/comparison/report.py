"""The report of a comparison: an article in HTML."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from skcnn.study.comparison.conclusions import (
    SCOPE_OF_SEEDS,
    brief,
    crossing_text,
    name,
    noun,
    nouns,
    sentence,
)
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.comparison.figures import MAX_CLASSES, MISTAKES_PER_ROW, mistakes_per_row
from skcnn.study.comparison.results import MeanErrors, Results
from skcnn.study.formatting import count, listing, p_value, plus_minus, seconds, setting, size
from skcnn.study.html import Page, escape
from skcnn.study.provenance import reproducing_command

CANDIDATES_SHOWN = 5
DESCRIPTIONS = {
    "cnn": "<code>ConvNetClassifier</code>, which learns filters and classifier together from the "
    "pixels.",
    "hog_svc": "<code>make_hog_svc()</code>: histograms of oriented gradients, which are designed "
    "by hand (Dalal and Triggs, 2005), followed by a support vector classifier.",
    "cnn_svc": "the tuned CNN up to its last pooling layer, followed by principal component "
    "analysis and a support vector classifier. Bastani and Wang (2014) name this combination as "
    "future work.",
}
REFERENCES = (
    "F. Bastani and Z. Wang, <em>Convolutional Neural Networks for Classifying Handwritten "
    "Digits</em>, 2014.",
    "N. Dalal and B. Triggs, <em>Histograms of Oriented Gradients for Human Detection</em>, CVPR, "
    "2005.",
)
Figures = dict[str, Path]


def write_report(results: Results, conclusions: list[str], figures: Figures) -> str:
    """The report as one HTML page; `conclusions` are paragraphs of plain text."""
    page = Page(f"CNN versus HOG + SVC on {results.images.name}")
    _opening(page, results)
    _methods(page, results, figures)
    _tuning(page, results, figures)
    _test_errors(page, results, figures)
    _learning_curves(page, results, figures)
    _costs(page, results, figures)
    _mistakes(page, results, figures)
    _explanations(page, results, figures)
    page.section("Conclusions").items(escape(text) for text in conclusions)
    _reproduction(page, results)
    page.section("References").items(REFERENCES)
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
    shares = listing([f"{share} %" for share, _ in used])
    page.section("Methods")
    page.text(
        f"<b>Data.</b> {escape(images.source)} Each image has {height} x {width} pixels{channel} "
        f"and belongs to one of {len(images.classes)} classes."
    )
    page.figure(figures["examples"], f"The first training images of {classes}.", width=80)
    page.text("<b>Contenders.</b> Three scikit-learn pipelines are compared:")
    page.items(f"<b>{escape(name(key))}</b>: {text}" for key, text in DESCRIPTIONS.items())
    page.text(
        "<b>Protocol.</b> The protocol is the same for all contenders. Their hyperparameters are "
        f"chosen by {search} with {searched.folds}-fold stratified cross-validation on {part}the "
        f"training images ({searched.images:,}), with the same folds and the same time limit. In "
        f"the search a network is trained for {searched.epochs} epochs. The test images are not "
        "used. With the chosen hyperparameters each contender is then fitted to all training "
        "images, alone in a process of its own, which gives test error, times and memory.",
        f"For the learning curves each contender is fitted to {shares} of the training images, "
        f"with {count(settings.seeds, 'seed')}. A seed determines the subsets and the initial "
        "weights of the network. The subsets are nested, hold the classes in proportion, and are "
        "the same for all contenders.",
    )
    if left_out:
        sizes = listing([f"{share} % ({count(n, 'image')})" for share, n in left_out])
        page.text(f"Shares with fewer than two images per class are left out: {sizes}.")


def _tuning(page: Page, results: Results, figures: Figures) -> None:
    searched = results.search["cnn"]
    tried = [
        f"{len(found.rows)} of {found.total} for {escape(name(key))}"
        for key, found in results.search.items()
    ]
    page.section("Hyperparameter search")
    page.figure(
        figures["search"],
        "Cross-validated errors of all settings that were tried, in ascending order. Bars show the "
        "standard deviation over the folds. The flatter the curve, the less the contender depends "
        f"on tuning. Settings tried, those closest to the defaults first: {listing(tried)}; "
        f"{searched.folds} folds of {searched.images:,} images, seed 0.",
    )
    page.table(
        f"The {CANDIDATES_SHOWN} best settings of each contender. All that follows uses the first. "
        "Errors are means ± standard deviations over the folds. Times were measured while other "
        "fits ran in parallel.",
        ["", "settings", "cross-validated error (%)", "time per fit"],
        [
            [
                f"<b>{escape(name(key))}</b>" if rank == 0 else "",
                escape(setting(row.params)),
                plus_minus(100 * row.error, 100 * row.spread),
                seconds(row.fit_seconds),
            ]
            for key, found in results.search.items()
            for rank, row in enumerate(found.rows[:CANDIDATES_SHOWN])
        ],
        numbers={2, 3},
    )


def _test_errors(page: Page, results: Results, figures: Figures) -> None:
    final, total = results.final, len(results.images.y_test)
    page.section("Test errors")
    page.figure(
        figures["test_errors"],
        f"Test error on {total:,} images with Wilson's 95 % interval. {_fitted(results)}",
        width=75,
    )
    _table_by_contender(
        page,
        f"Errors on the {total:,} test images and on {results.train_error_images:,} training "
        f"images. {_fitted(results)}",
        {
            "mistakes": lambda key: f"{final[key].wrong:,}",
            "test error (%)": lambda key: f"{100 * final[key].test_error:.2f}",
            "95 % interval (%)": lambda key: " to ".join(
                f"{100 * bound:.2f}" for bound in final[key].interval
            ),
            "training error (%)": lambda key: f"{100 * final[key].train_error:.2f}",
        },
        best={(row, 1) for row, key in enumerate(final) if key in results.best},
    )
    page.text(
        "The intervals treat each contender separately. As all were tested on the same images, a "
        "paired test is more powerful: McNemar's exact test compares two contenders on the images "
        "that only one of them misclassifies. Its p-values are adjusted for three tests by Holm's "
        "method."
    )
    page.table(
        "McNemar's exact test for every pair of contenders, two-sided. Images are counted by which "
        "of the two misclassifies them.",
        ["first", "second", "only first", "only second", "both", "p", "adjusted p"],
        [
            [
                escape(name(pair.a)),
                escape(name(pair.b)),
                *(f"{n:,}" for n in (pair.only_a, pair.only_b, pair.both)),
                *(escape(p_value(p)) for p in (pair.p_value, pair.p_adjusted)),
            ]
            for pair in results.pairs
        ],
        numbers={2, 3, 4, 5, 6},
    )


def _learning_curves(page: Page, results: Results, figures: Figures) -> None:
    paper = (
        " Thin grey lines show the test errors of Bastani and Wang (2014, Figs. 10 and 11) on the "
        "same data."
        if results.images.is_mnist
        else ""
    )
    points = (
        "Points are of a single seed, 0"
        if results.settings.seeds == 1
        else f"Points are means over the {_seeds(results)}, bars standard errors"
    )
    page.section("Learning curves")
    page.figure(
        figures["learning_curves"],
        "Test and training error against the number of training images (logarithmic scale). "
        f"{points}. The settings are those tuned on all training images. Training errors are "
        f"measured on at most {results.train_error_images:,} images.{paper}",
    )

    def cell(errors: MeanErrors | None) -> str:
        if errors is None:
            return "not run"
        spread = 100 * errors.test_error_se or None  # all seeds the same: nothing to show
        return plus_minus(100 * errors.test_error, spread)

    def ahead(winner: str | None, clear: bool) -> str:
        if winner is None:
            return "not all run"
        return escape(name(winner)) + ("" if clear else " (not clear)")

    page.table(
        "Test error in percent: mean ± standard error over the seeds (omitted if all seeds agree). "
        "A lead is clear if it exceeds the variation between seeds: the 95 % interval of the "
        "paired difference to the second best (Student's t over the seeds) excludes zero. "
        f"{SCOPE_OF_SEEDS}",
        ["share", "images", *map(name, CONTENDERS), "ahead"],
        [
            [
                f"{row.share} %",
                f"{row.images:,}",
                *(cell(row.errors.get(key)) for key in CONTENDERS),
                ahead(row.winner, row.clear),
            ]
            for row in results.by_share
        ],
        numbers={0, 1, 2, 3, 4},
        best={
            (number, column)
            for number, row in enumerate(results.by_share)
            for column, key in enumerate(CONTENDERS, start=2)
            if key == row.winner
        },
    )
    turns = [crossing_text(found) for found in results.crossings if found.crossings]
    page.text(
        f"These learning curves cross: {escape('; '.join(turns))}. Between two measured shares the "
        "difference is interpolated on the logarithmic scale."
        if turns
        else "No two learning curves cross: the order is the same at every share."
        if len(results.by_share) > 1
        else "Each learning curve has a single point."
    )


def _costs(page: Page, results: Results, figures: Figures) -> None:
    total, cores = len(results.images.y_test), count(results.environment.cores, "core")
    page.section("Costs")
    page.figure(
        figures["costs"],
        f"Costs of the final fits. {_fitted(results)} Each fit ran alone on {cores}; an SVC "
        "uses one core, the network and HOG use all.",
    )
    final = results.final
    _table_by_contender(
        page,
        "Costs of the final fits. Memory is the peak of the process beyond what it held before the "
        "fit (Python, the libraries and the images), plus the peaks of its worker processes. HOG's "
        "worker processes also load the libraries; their memory counts in full. Model size is that "
        "of <code>pickle.dumps</code>. Search time is the sum over all fits of the search. Cached "
        "HOG features and networks count as zero.",
        {
            "training": lambda key: seconds(final[key].fit_seconds),
            f"predicting {count(total, 'image')}": lambda key: seconds(final[key].predict_seconds),
            "predicting one image": lambda key: seconds(final[key].single_predict_seconds),
            "memory": lambda key: size(final[key].peak_bytes),
            "model size": lambda key: size(final[key].model_bytes),
            "search": lambda key: seconds(results.search[key].seconds),
        },
    )


def _mistakes(page: Page, results: Results, figures: Figures) -> None:
    total = len(results.images.y_test)

    def whose(group: list[str]) -> str:
        return "all" if len(group) == len(CONTENDERS) else f"only {nouns(group)}"

    page.section("Mistakes")
    page.table(
        f"The {total:,} test images by the contenders that misclassify them.",
        ["misclassified by", "images"],
        [[escape(whose(group)), f"{n:,}"] for group, n in results.shared_mistakes],
        numbers={1},
    )
    page.figure(
        figures["confusions"],
        "Confusion matrices of the contenders. Rows are true classes, columns predicted ones. The "
        f"colour scale is chosen for the mistakes and saturates at the correct answers. "
        f"{_fitted(results)}",
    )
    for key, fit in results.final.items():
        confidence = (
            "probability of the predicted class"
            if key == "cnn"
            else "lead of the highest decision value over the second highest"
        )
        page.figure(
            figures[f"mistakes_{key}"],
            f"Test images that {escape(noun(key))} misclassifies ({fit.wrong:,} in all), the most "
            f"confident mistakes first. In brackets: {confidence}. {_fitted(results, key)}",
            width=round(100 * mistakes_per_row(fit.wrong) / MISTAKES_PER_ROW),
        )


def _explanations(page: Page, results: Results, figures: Figures) -> None:
    page.section("What the contenders have learned")
    page.figure(
        figures["filters"],
        "The filters of the network's first layer, as in Fig. 9 of Bastani and Wang (2014). "
        f"Negative weights are blue, positive weights red. {_fitted(results, 'cnn')}",
        width=62,
    )
    page.figure(
        figures["training"],
        f"Training loss of the CNN by epoch. {_fitted(results, 'cnn')}",
        width=62,
    )
    page.text(
        "Occlusion maps show which pixels a decision depends on. A patch slides over the image and "
        "hides the pixels beneath it. Where hiding them lowers the score of the true class, they "
        "support it (red); where it raises the score, they speak against it (blue). Colours are "
        "relative to the largest change in each image. The first images shown are ones on which "
        "the CNN and HOG + SVC disagree, if there are any."
    )
    for key in ("cnn", "hog_svc"):
        page.figure(
            figures[f"occlusion_{key}"],
            f"Occlusion maps of {escape(noun(key))}. Top: test images with their true classes. "
            "Bottom: by how much hiding a pixel lowers the score of the true class. "
            f"{_fitted(results, key)}",
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
        f"The subsets and networks of the learning curves use {_seeds(results)}; the split "
        "into training and test images (if the data have none), the searches and the final fits "
        f"use seed 0. The time budget was {seconds(settings.time_budget)}. This run took "
        f"{seconds(results.elapsed)}, excluding results stored by earlier runs. Versions and "
        f"machine: {escape(results.environment)}.",
        "The folder of this file also contains the figures (<code>pictures/</code>), all tables as "
        "CSV files (<code>tables/</code>; <code>predictions.csv</code> has the predictions for "
        "every test image), all results (<code>results.json</code>), and the fitted pipelines for "
        "<code>joblib.load</code> (<code>models/</code>). In these files, errors are fractions: "
        "0.01 means 1 %.",
    )


def _table_by_contender(
    page: Page,
    caption: str,
    columns: dict[str, Callable[[str], str]],
    best: Collection[tuple[int, int]] = (),
) -> None:
    """A table with a row for each contender; the columns are functions of its key."""
    rows = [[escape(name(key)), *(cell(key) for cell in columns.values())] for key in CONTENDERS]
    page.table(caption, ["", *columns], rows, numbers=range(1, len(columns) + 1), best=best)


def _fitted(results: Results, key: str | None = None) -> str:
    """A sentence for captions on the final fit of a contender; None: on those of all."""
    who = "All contenders were" if key is None else f"{escape(sentence(noun(key)))} was"
    n = len(results.images.y_train)
    return f"{who} fitted to {n:,} training images with the tuned settings and seed 0."


def _seeds(results: Results) -> str:
    seeds = results.settings.seed_list
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {listing(seeds)}"
