"""The sections of the report with results: errors, learning curves, costs, mistakes, filters."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from skcnn._text import count
from skcnn.study.comparison.conclusions import (
    SCOPE_OF_SEEDS,
    crossing_text,
    name,
    noun,
    nouns,
    sentence,
    share_text,
)
from skcnn.study.comparison.figures import MISTAKES_PER_ROW, mistakes_per_row
from skcnn.study.comparison.figures_learned import MAX_MAPPED
from skcnn.study.comparison.results import MeanErrors, Results, ShareErrors
from skcnn.study.formatting import listing, p_value, plus_minus, seconds, size
from skcnn.study.html import Page, escape

GROUPS_SHOWN = 12  # of contenders that misclassify the same images
Figures = dict[str, Path]


def test_errors(page: Page, results: Results, figures: Figures) -> None:
    final, total = results.final, len(results.images.y_test)
    page.section("Test errors")
    page.figure(
        figures["test_errors"],
        f"Test error on {total:,} images with Wilson's 95 % interval. {_fitted(results)}",
        width=75,
    )
    _table_by_contender(
        page,
        results,
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
        f"that only one of them misclassifies. Its p-values are adjusted for {len(results.pairs)} "
        "tests by Holm's method."
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


def learning_curves(page: Page, results: Results, figures: Figures) -> None:
    paper = (
        " Thin grey lines show the test errors of Bastani and Wang (2014, Figs. 10 and 11) on the "
        "same data."
        if results.images.is_mnist
        else ""
    )
    points = (
        "Points are of a single seed, 0"
        if results.settings.seeds == 1
        else f"Points are means over the {seeds_text(results)}, bars standard errors"
    )
    unit = results.settings.unit_of_curves
    page.section("Learning curves")
    page.figure(
        figures["learning_curves"],
        f"Test and training error against the number of {unit} (logarithmic scale). "
        f"{points}. The settings are those tuned on all training images. Training errors are "
        f"measured on at most {results.train_error_images:,} images.{paper}",
    )

    contenders = results.settings.contenders

    def cell(errors: MeanErrors | None) -> str:
        if errors is None:
            return "not run"
        spread = 100 * errors.test_error_se or None  # all seeds the same: nothing to show
        return plus_minus(100 * errors.test_error, spread)

    def ahead(row: ShareErrors) -> str:
        if not row.winners:
            return "not all run"
        return escape(listing([name(key) for key in row.winners])) + (
            "" if row.clear else " (not clear)"
        )

    page.table(
        "Test error in percent: mean ± standard error over the seeds (omitted if all seeds agree). "
        "A lead is clear if it exceeds the variation between seeds: the 95 % interval of the "
        "paired difference to the second best (Student's t over the seeds) excludes zero; one that "
        "is the same for all seeds has no interval and is not clear. "
        f"{SCOPE_OF_SEEDS}",
        ["share", unit, *map(name, contenders), "ahead"],
        [
            [
                share_text(row.share),
                f"{row.images:,}",
                *(cell(row.errors.get(key)) for key in contenders),
                ahead(row),
            ]
            for row in results.by_share
        ],
        numbers=range(2 + len(contenders)),
        best={
            (number, column)
            for number, row in enumerate(results.by_share)
            for column, key in enumerate(contenders, start=2)
            if key in row.winners
        },
    )
    page.text(_turns(results))


def _turns(results: Results) -> str:
    """Which learning curves cross: those with clear leads, and how many others."""
    if len(results.by_share) < 2:
        return "Each learning curve has a single point."
    turning = [found for found in results.crossings if found.crossings]
    if not turning:
        return "No two learning curves cross: the order is the same at every share."
    clear = [crossing_text(found) for found in turning if found.is_clear]
    others = len(turning) - len(clear)
    sentences = []
    if clear:
        sentences.append(
            "These learning curves cross, and each contender leads clearly on one side: "
            f"{escape('; '.join(clear))}."
        )
    if others:
        more = "more " if clear else ""
        sentences.append(
            f"{count(others, f'{more}pair')} of curves cross{'es' if others == 1 else ''} without "
            "clear leads on both sides."
        )
    sentences.append(
        "Between two measured shares the difference is interpolated on the logarithmic scale."
    )
    return " ".join(sentences)


def costs(page: Page, results: Results, figures: Figures) -> None:
    total, cores = len(results.images.y_test), count(results.environment.cores, "core")
    page.section("Costs")
    page.figure(
        figures["costs"],
        f"Costs of the final fits. {_fitted(results)} Each fit ran alone on {cores}; an SVC "
        "uses one core, all else uses all.",
    )
    final = results.final
    _table_by_contender(
        page,
        results,
        "Costs of the final fits. Memory is the peak of the process beyond what it held before the "
        "fit (Python, the libraries and the images), plus the peaks of its "
        "worker processes. Worker "
        "processes also load the libraries; their memory counts in full. Model size is that "
        "of <code>pickle.dumps</code>. Search time is the sum over all fits of the search, "
        "in all its rounds if there are several. "
        "Features that are in a cache count as zero.",
        {
            "training": lambda key: seconds(final[key].fit_seconds),
            f"predicting {count(total, 'image')}": lambda key: seconds(final[key].predict_seconds),
            "predicting one image": lambda key: seconds(final[key].single_predict_seconds),
            "memory": lambda key: size(final[key].peak_bytes),
            "model size": lambda key: size(final[key].model_bytes),
            "search": lambda key: seconds(results.search[key].seconds),
        },
    )


def mistakes(page: Page, results: Results, figures: Figures) -> None:
    total = len(results.images.y_test)

    def whose(group: list[str]) -> str:
        return "all" if len(group) == len(results.final) else f"only {nouns(group)}"

    groups = sorted(results.shared_mistakes, key=lambda item: -item[1])
    rows = [(whose(group), n) for group, n in groups[:GROUPS_SHOWN]]
    if len(groups) > GROUPS_SHOWN:
        rest = groups[GROUPS_SHOWN:]
        rows.append((count(len(rest), "other group"), sum(n for _, n in rest)))
    page.section("Mistakes")
    page.table(
        f"The {total:,} test images by the contenders that misclassify them.",
        ["misclassified by", "images"],
        [[escape(who), f"{n:,}"] for who, n in rows],
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


def explanations(page: Page, results: Results, figures: Figures) -> None:
    page.section("What the contenders have learned")
    page.figure(
        figures["filters"],
        "The filters of the network's first layer, as in Fig. 9 of Bastani and Wang (2014). "
        f"Negative weights are blue, positive weights red. {_fitted(results, 'cnn')}",
        width=62,
    )
    page.figure(
        figures["filters_patches"],
        "Filters of <code>PatchFeatures</code>: centres of clusters of whitened patches of the "
        f"training images. {_fitted(results, 'patches')}",
        width=62,
    )
    if results.settings.features:
        _learned_features(page, results, figures)
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


def _learned_features(page: Page, results: Results, figures: Figures) -> None:
    page.figure(
        figures["filters_autoencoder"],
        "The filters of the first layer of the autoencoder, learned without labels. "
        f"{_fitted(results, 'autoencoder')}",
        width=62,
    )
    page.figure(
        figures["reconstructions"],
        "Test images and their reconstructions by the autoencoder, from codes of which all values "
        f"are used, not only those that its sparsity keeps. {_fitted(results, 'autoencoder')}",
    )
    mapped = min(MAX_MAPPED, len(results.images.y_test))
    page.figure(
        figures["maps"],
        f"Maps of the features of {mapped:,} test images in two dimensions, by "
        f"<code>sklearn.manifold.TSNE</code>; colours are classes. Where classes are apart, few "
        f"labels suffice. {_fitted(results)}",
    )


def _table_by_contender(
    page: Page,
    results: Results,
    caption: str,
    columns: dict[str, Callable[[str], str]],
    best: Collection[tuple[int, int]] = (),
) -> None:
    """A table with a row for each contender; the columns are functions of its key."""
    keys = results.settings.contenders
    rows = [[escape(name(key)), *(cell(key) for cell in columns.values())] for key in keys]
    page.table(caption, ["", *columns], rows, numbers=range(1, len(columns) + 1), best=best)


def _fitted(results: Results, key: str | None = None) -> str:
    """A sentence for captions on the final fit of a contender; None: on those of all."""
    who = "All contenders were" if key is None else f"{escape(sentence(noun(key)))} was"
    n = len(results.images.y_train)
    return f"{who} fitted to {n:,} training images with the tuned settings and seed 0."


def seeds_text(results: Results) -> str:
    seeds = results.settings.seed_list
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {listing(seeds)}"
