"""Chapters of the report: errors, learning curves, costs, what they see and where they go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skcnn.study.comparison.conclusions import crossing_text, verdict
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.comparison.explain import COLUMNS, mistake_columns
from skcnn.study.formatting import listing, p_value, seconds, size
from skcnn.study.html import Page, escape


def fit_settings(results: dict[str, Any]) -> str:
    """The settings of the final fits, for captions."""
    return f"{results['data']['train_images']:,} training images, tuned settings, seed 0"


def test_errors(page: Page, results: dict[str, Any], pictures: dict[str, Path]) -> None:
    final, total = results["final"], results["data"]["test_images"]
    page.section("Test errors")
    page.figure(
        pictures["test_errors"],
        f"Test error on {total:,} images with Wilson's 95 % interval. {fit_settings(results)}.",
        "Test error of each contender with its interval",
        width="75%",
    )
    fewest = min(result["wrong"] for result in final.values())
    page.table(
        f"Errors on {total:,} test images, and on {results['settings']['train_error_images']:,} of "
        f"the training images. {fit_settings(results)}.",
        ["", "mistakes", "test error (%)", "95 % interval (%)", "training error (%)"],
        [
            [
                escape(CONTENDERS[key].name),
                str(result["wrong"]),
                f"{100 * result['test_error']:.2f}",
                "{:.2f} to {:.2f}".format(*(100 * bound for bound in result["interval"])),
                f"{100 * result['train_error']:.2f}",
            ]
            for key, result in final.items()
        ],
        numbers={1, 2, 3, 4},
        best={(row, 1) for row, result in enumerate(final.values()) if result["wrong"] == fewest},
    )
    page.text(
        "The intervals treat each contender for itself. Since all saw the same test images, the "
        "sharper question is whether they differ on those that only one of them gets wrong: "
        "McNemar's exact test, adjusted for three comparisons by Holm's method."
    )
    page.table(
        "McNemar's exact test for every pair, two-sided.",
        ["first", "second", "only first wrong", "only second wrong", "both wrong", "p", "adjusted"],
        [
            [
                escape(CONTENDERS[test["a"]].name),
                escape(CONTENDERS[test["b"]].name),
                str(test["only_a"]),
                str(test["only_b"]),
                str(test["both"]),
                escape(p_value(test["p_value"])),
                escape(p_value(test["p_adjusted"])),
            ]
            for test in results["pairs"]
        ],
        numbers={2, 3, 4, 5, 6},
    )
    page.items(escape(verdict(test)) + "." for test in results["pairs"])


def learning_curves(page: Page, results: dict[str, Any], pictures: dict[str, Path]) -> None:
    data, settings = results["data"], results["settings"]
    seeds = listing([str(seed) for seed in settings["seeds"]])
    page.section("How much data each needs")
    drawn = (
        " Thin grey lines: Bastani and Wang (2014), Figs. 10 and 11." if data["is_mnist"] else ""
    )
    page.figure(
        pictures["learning_curves"],
        "Test and training error against the number of training images (logarithmic). Points are "
        f"means over the seeds {seeds}, bars their standard errors; settings tuned on all the "
        f"training images. Training errors on at most {settings['train_error_images']:,} images."
        + escape(drawn),
        "Learning curves of the three contenders",
    )
    rows, best = [], set()
    for number, row in enumerate(results["by_share"]):
        cells = [f"{row['share']} %", f"{row['images']:,}"]
        for column, key in enumerate(CONTENDERS, start=2):
            mine = row["errors"].get(key)
            cells.append("not run" if mine is None else _plus_minus(mine))
            if row["winner"] == key:
                best.add((number, column))
        winner = row["winner"]
        lead = "" if row["clear"] else " (unclear)"
        cells.append("not all run" if winner is None else escape(CONTENDERS[winner].name) + lead)
        rows.append(cells)
    page.table(
        "Test error in percent, mean ± standard error over the seeds (none where all seeds gave "
        "the same). The lead of the best is unclear where the 95 % interval of the paired "
        "difference to the second (Student's t over the seeds) includes zero.",
        ["share", "images", *(who.name for who in CONTENDERS.values()), "ahead"],
        rows,
        numbers={0, 1, 2, 3, 4},
        best=best,
    )
    turns = [crossing_text(found) for found in results["crossings"] if found["crossings"]]
    page.text(
        "The winner changes where two curves cross (between two measured shares read off on the "
        f"logarithmic scale): {escape('; '.join(turns))}."
        if turns
        else "No two of the curves cross: the order is the same wherever all were run."
        if len(results["by_share"]) > 1
        else "There is but one point of each curve."
    )


def _plus_minus(errors: dict[str, Any]) -> str:
    spread = errors["test_error_se"]
    text = f"{100 * errors['test_error']:.2f}"
    return text if not spread or spread != spread else f"{text} ± {100 * spread:.2f}"


def costs(page: Page, results: dict[str, Any], pictures: dict[str, Path]) -> None:
    final, total = results["final"], results["data"]["test_images"]
    cores = results["environment"]["cores"]
    page.section("What each costs")
    measured = (
        f"{fit_settings(results)}; {cores} {'core' if cores == 1 else 'cores'}, nothing else of "
        "the comparison running. An SVC uses one core; the network and HOG use all."
    )
    page.figure(
        pictures["costs"],
        f"Costs of the final fits. {measured}",
        "Training time, prediction time, memory and model size",
    )
    page.table(
        "Costs of the final fits. Memory: peak of the process (and of its workers, added up) "
        "beyond what it held before, which is Python, the libraries and the images; HOG's workers "
        "have to load these, too, and count in full. Size: of <code>pickle.dumps</code>. "
        "Searching: the sum over all fits of the search, less what a cache had ready (HOG; the "
        "network, for its features).",
        [
            "",
            "training",
            f"predicting {total:,} images",
            "a single image",
            "extra memory",
            "model",
            "searching",
        ],
        [
            [
                escape(CONTENDERS[key].name),
                seconds(result["fit_seconds"]),
                seconds(result["predict_seconds"]),
                seconds(result["single_predict_seconds"]),
                size(result["peak_bytes"]),
                size(result["model_bytes"]),
                seconds(_search_seconds(results["search"][key])),
            ]
            for key, result in final.items()
        ],
        numbers=range(1, 7),
    )


def _search_seconds(found: dict[str, Any]) -> float:
    return sum(row["fit_seconds"] * found["folds"] for row in found["rows"])


def inside(page: Page, results: dict[str, Any], pictures: dict[str, Path]) -> None:
    final, total = results["final"], results["data"]["test_images"]
    fitted = fit_settings(results)
    page.section("What they see, and where they go wrong")
    page.heading("Mistakes they share")
    page.table(
        f"Test images (of {total:,}) by who gets them wrong.",
        ["wrong", "images"],
        [
            [
                escape(
                    ("all three" if len(group["contenders"]) == 3 else "only ")
                    + (
                        ""
                        if len(group["contenders"]) == 3
                        else listing([CONTENDERS[key].name for key in group["contenders"]])
                    )
                ),
                str(group["images"]),
            ]
            for group in results["shared_mistakes"]
        ],
        numbers={1},
    )
    page.figure(
        pictures["confusions"],
        "Confusion matrices: images of the class of a row that were taken for the class of a "
        f"column. The colours are scaled to the mistakes. {fitted}.",
        "Confusion matrices of the three contenders",
    )
    page.heading("Images that each gets wrong")
    for key in final:
        what = "probability of what it said" if key == "cnn" else "lead of its decision value"
        page.figure(
            pictures[f"mistakes_{key}"],
            f"Test images that {escape(CONTENDERS[key].name)} gets wrong "
            f"({final[key]['wrong']} in all), the surest first; in brackets the {what}. "
            f"{fitted}.",
            f"Images misclassified by {CONTENDERS[key].name}",
            width=f"{100 * mistake_columns(final[key]['wrong']) / COLUMNS:.0f}%",
        )
    page.heading("What the network has learned")
    page.figure(
        pictures["filters"],
        "The filters of the network's first layer (the paper's Fig. 9): blue weights ask for dark "
        f"pixels, red ones for bright pixels. {fitted}.",
        "Filters of the first convolution layer",
        width="62%",
    )
    page.figure(
        pictures["training"],
        f"Mean loss of the training images by epoch. {fitted}.",
        "Loss by epoch",
        width="62%",
    )
    page.heading("What a decision hangs on")
    page.text(
        "A patch slides over the image and hides what is under it. Where that makes the answer for "
        "the true class fall, the decision hangs on the pixels (red); where it rises, they stood "
        "in the way (blue). Colours are relative to the largest change in each image. The first "
        "images are some that CNN and HOG + SVC disagree on, if there are any."
    )
    for key in ("cnn", "hog_svc"):
        page.figure(
            pictures[f"occlusion_{key}"],
            f"{escape(CONTENDERS[key].name)}: above, test images and their true classes; "
            f"below, how far the answer falls when a pixel is hidden. {fitted}.",
            f"Occlusion maps of {CONTENDERS[key].name}",
        )
