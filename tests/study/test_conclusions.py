"""What a comparison concludes: statistics, winners, sentences. All results are made up."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.made_up import CONTENDERS, LABELS, TESTED, final_fit, fit, made_up

from skcnn.study.comparison.conclusions import brief, conclude, verdict
from skcnn.study.comparison.measured import Candidate, FitKey, Search
from skcnn.study.comparison.results import Pair
from skcnn.study.data import MNIST_TRAIN_IMAGES, Images


@pytest.mark.parametrize(
    ("cnn", "hog", "expected"),
    [
        (
            [[0.20, 0.22], [0.01, 0.012]],
            [[0.10, 0.11], [0.03, 0.03]],
            "There the leader changes, and each leads clearly on one side.",
        ),
        (
            [[0.10, 0.12], [0.01, 0.012]],
            [[0.11, 0.10], [0.03, 0.03]],
            "neither leads clearly on 10 %",
        ),
        (
            [[0.05, 0.06], [0.01, 0.012]],
            [[0.10, 0.11], [0.03, 0.03]],
            "The CNN has the lower error at every share.",
        ),
        (
            [[0.20, 0.22], [0.04, 0.042]],
            [[0.10, 0.11], [0.03, 0.03]],
            "HOG + SVC has the lower error at every share.",
        ),
        ([[0.20], [0.01]], [[0.10], [0.03]], "images); with a single seed, this may be chance."),
        (
            [[0.05], [0.01]],
            [[0.10], [0.03]],
            "The CNN has the lower error at every share; with a single seed",
        ),
        (
            [[0.09, 0.10], [0.02, 0.03]],
            [[0.10, 0.10], [0.03, 0.03]],
            "The CNN has the lower error at every share; given the spread over the seeds",
        ),
    ],
)
def test_conclusions_follow_the_learning_curves(cnn, hog, expected):
    results = made_up(cnn=cnn, hog=hog)
    assert expected in " ".join(conclude(results))
    assert expected in brief(results)


def test_equal_training_times_are_called_equal():
    def text(**seconds):
        final = {key: final_fit(fit_seconds=seconds[key]) for key in CONTENDERS}
        return " ".join(conclude(made_up(final=final)))

    assert "The CNN and CNN features + SVC train fastest (about 124 s; HOG + SVC is" in text(
        cnn=125.0, hog_svc=250.0, cnn_svc=124.0
    )
    assert "HOG + SVC trains fastest (1 s; the CNN is slowest with 3 s)" in text(
        cnn=3.0, hog_svc=1.0, cnn_svc=2.0
    )
    assert "All train in about the same time (100 s to 100 s)" in text(
        cnn=100.0, hog_svc=100.0, cnn_svc=100.0
    )


@pytest.mark.parametrize(
    ("before", "falls"),
    [
        ([0.05, 0.06, 0.055], True),
        ([0.012, 0.0101, 0.0119], False),  # within the spread
        ([0.001, 0.002, 0.001], False),  # it rises
    ],
)
def test_error_still_falls_only_if_that_is_clear(before, falls):
    results = made_up(cnn=[before, [0.01, 0.011, 0.0105]], hog=[[0.1] * 3, [0.1] * 3])
    text = " ".join(conclude(results))
    assert ("of the CNN and CNN features + SVC still falls" in text) is falls
    assert ("still falls" in text) is falls


def test_winner_and_verdicts_follow_the_mistakes():
    final = {
        "cnn": final_fit([0, 1]),
        "hog_svc": final_fit(range(1, 13)),
        "cnn_svc": final_fit([0, 1]),
    }
    results = made_up(final=final)
    text = conclude(results)
    assert text[0].startswith(
        "The CNN and CNN features + SVC make the fewest mistakes on the 100 test images: 2 each, a "
        "test error of 2.00 %"
    )
    assert text[0].endswith("HOG + SVC makes 12 (12.00 %).")
    assert "The CNN and CNN features + SVC misclassify exactly the same images." in text[1]
    assert (
        "The CNN is significantly better than HOG + SVC (1 image misclassified only by the CNN, 11"
        in text[1]
    )
    assert "does not change the number of mistakes (2)" in " ".join(text)
    assert "first two" not in brief(results)  # they are equal
    groups = {tuple(group): n for group, n in results.shared_mistakes}
    assert groups["cnn", "hog_svc", "cnn_svc"] == 1
    assert groups["cnn", "cnn_svc"] == 1
    assert groups["hog_svc",] == 11
    assert sum(groups.values()) == 13


@pytest.mark.parametrize(
    ("p_adjusted", "expected"),
    [
        (
            0.2,
            "The CNN and HOG + SVC do not differ significantly (3 images misclassified only by the "
            "CNN, 1 only by HOG + SVC; p = 0.2).",
        ),
        (
            0.01,
            "HOG + SVC is significantly better than the CNN (3 images misclassified only by the "
            "CNN, 1 only by HOG + SVC; p = 0.01).",
        ),
        (1e-9, "1 only by HOG + SVC; p < 0.001)"),
    ],
)
def test_verdict_of_mcnemars_test(p_adjusted, expected):
    pair = Pair(3, 1, 0, p_value=p_adjusted / 3, a="cnn", b="hog_svc", p_adjusted=p_adjusted)
    assert expected in verdict(pair)


def test_conclusions_on_mnist_mention_the_paper(monkeypatch):
    monkeypatch.setattr(Images, "is_mnist", True)
    y = np.arange(MNIST_TRAIN_IMAGES) % 10
    full = Images("MNIST", "", np.zeros((len(y), 4)), y, np.zeros((100, 4)), LABELS)
    part = Images("MNIST", "", full.X_train[:1000], y[:1000], full.X_test, LABELS)

    def mentioned(images, quick):
        results = made_up(images=images, quick=quick)
        return any("Bastani and Wang (2014)" in text for text in conclude(results))

    assert mentioned(full, quick=False)
    assert not mentioned(full, quick=True)
    assert not mentioned(part, quick=False)


def test_nobody_is_ahead_where_not_all_were_run():
    results = made_up(cnn=((0.1,), (0.1,)), hog=((0.2,), (0.2,)))
    both = ["cnn", "cnn_svc"]  # they have equal errors
    assert [row.winners for row in results.by_share] == [both, both]
    curves = {key: fit for key, fit in results.curves.items() if key[:2] != ("cnn", 10)}
    first, second = replace(results, curves=curves).by_share
    assert not first.winners
    assert not first.clear
    assert second.winners == both


def by_mistakes(mistakes, **settings):
    """Results of the CNN and HOG + SVC with these numbers of mistakes by contender, share, seed."""
    curves = {
        FitKey(key, share, 10 * share, seed): fit(wrong / TESTED)
        for key, shares in mistakes.items()
        for share, by_seed in shares.items()
        for seed, wrong in enumerate(by_seed)
    }
    results = made_up(cnn=((0.1,) * 3,) * 2, **settings)
    return replace(results, final=dict.fromkeys(mistakes, final_fit()), curves=curves)


def test_equal_numbers_of_mistakes_are_ties():
    """Means of rounded errors would differ in their last digits, and the curves would cross."""
    tied = by_mistakes(
        {
            "cnn": {10: (10, 11, 12), 30: (7, 8, 9), 100: (3, 3, 3)},
            "hog_svc": {10: (20, 20, 19), 30: (8, 8, 8), 100: (3, 3, 3)},
        }
    )
    both = ["cnn", "hog_svc"]
    assert [row.winners for row in tied.by_share] == [["cnn"], both, both]
    assert [row.clear for row in tied.by_share] == [True, False, False]
    found = tied.crossing("cnn", "hog_svc")
    assert [lead.mean == 0 for lead in found.differences] == [False, True, True]
    assert found.crossings == []
    text = conclude(replace(tied, final={key: final_fit() for key in CONTENDERS}))[2]
    assert "on 100 % of the training images (1,000), the test errors of the CNN and HOG" in text
    assert "The CNN has the lower or an equal error at every share." in text


def test_ties_of_all_small_numbers_of_mistakes():
    """Whatever the seeds and the mistakes, the leader is the one with fewer of them in all."""
    rng = np.random.default_rng(0)
    for a, b in rng.integers(0, 9, (500, 2, 3)).tolist():
        row = by_mistakes({"cnn": {10: a}, "hog_svc": {10: b}}).by_share[0]
        ahead = {"cnn": sum(a) <= sum(b), "hog_svc": sum(b) <= sum(a)}
        assert set(row.winners) == {key for key in ahead if ahead[key]}


@pytest.mark.parametrize("wrong", [(3, 2), (22, 4), (6, 2), (7, 4), (5, 4), (9, 3)])
def test_a_lead_that_is_the_same_for_all_seeds_is_not_clear(wrong):
    """Also not if the seeds differ, but not their difference."""
    for shift in ((0, 0, 0), (0, 1, 4)):
        a, b = ([n + more for more in shift] for n in wrong)
        results = by_mistakes({"hog_svc": {10: a, 100: b}, "cnn": {10: b, 100: a}}, features=True)
        assert not any(row.clear for row in results.by_share)
        found = results.crossing("hog_svc", "cnn")
        assert not found.is_clear
        assert {lead.standard_error for lead in found.differences} == {0.0}
        assert not results.decreases("hog_svc", 10, 100)
        errors = [e for row in results.by_share for e in row.errors.values()]
        assert all((e.test_error_se == 0) is (shift[1] == 0) for e in errors)
        results = replace(results, final={key: final_fit() for key in CONTENDERS})
        text = " ".join(conclude(results))
        assert "still falls" not in text
        assert "lead of the first is clear" not in text
        assert "(not clear, as it is the same for all seeds)" in text


def test_a_lead_is_clear_only_for_the_winner():
    """Over the seeds that both have, HOG + SVC is clearly ahead; over all seeds, the CNN is."""
    results = by_mistakes({"cnn": {10: (100, 101)}, "hog_svc": {10: (90, 92, 200)}})
    (row,) = results.by_share
    assert row.winners == ["cnn"]
    assert not row.clear


def test_large_labels_are_not_rounded():
    """A list of integers below and above 2 ** 63 would become an array of floats."""
    labels = np.array([1, 2**63, 2**63 + 1], dtype=np.uint64)
    images = Images("large", "", np.zeros((3, 4)), labels, np.zeros((3, 4)), labels)
    said = replace(final_fit(), predicted=labels[[0, 2, 1]].tolist())
    assert (said.labels(images) != labels).tolist() == [False, True, True]


def test_a_comparison_of_features_tells_the_errors_with_few_labels():
    curves = {"cnn": [[0.2, 0.21], [0.1, 0.1]], "hog": [[0.1, 0.11], [0.05, 0.05]]}
    few = "With 100 labels the test errors are 10.5 % for HOG + SVC, 20.5 % for the CNN and"
    results = made_up(**curves, features=True)
    assert few in " ".join(conclude(results))
    assert "tuned with 1,000 labels" in conclude(results)[-1]
    assert few not in " ".join(conclude(made_up(**curves)))


def test_limits_mention_an_incomplete_search_and_a_quick_run():
    def limits(tried, quick):
        rows = [Candidate(100, 1000, 0.0, 1.0, 1.0, 1000, 3.0, {}, order) for order in range(tried)]
        search = {key: Search(rows, 4, 1000, 3, 15) for key in CONTENDERS}
        return conclude(replace(made_up(quick=quick), search=search))[-1]

    closest = "closest to the defaults, not the whole grid: 3 of 4 for the CNN, 3 of 4 for HOG"
    assert closest in limits(3, quick=False)
    assert "whole grid" not in limits(4, quick=False)
    assert "This was a quick run" in limits(4, quick=True)
    assert "quick run" not in limits(3, quick=False)


def test_shares_that_were_not_measured_are_not_part_of_a_conclusion():
    results = made_up(cnn=[[0.05, 0.06], [0.01, 0.012]], hog=[[0.10, 0.11], [0.03, 0.03]])
    only_cnn = {FitKey("cnn", 50, 500, seed): fit(0.02) for seed in (0, 1)}
    text = " ".join(conclude(replace(results, curves={**results.curves, **only_cnn})))
    assert "The CNN has the lower error at every share at which both were measured." in text


def test_learning_curves_of_many_sizes_show_no_shares():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    from skcnn.study.comparison.figures import MOST_SHARES, learning_curves

    results = made_up()
    few = learning_curves(results.by_share, results.images, "labels").axes[0]
    assert few.get_xlabel() == "number and share of labels"
    assert "%" in few.get_xticklabels()[0].get_text()
    rows = (results.by_share * MOST_SHARES)[: MOST_SHARES + 1]
    many = learning_curves(rows, results.images, "labels").axes[0]
    assert many.get_xlabel() == "number of labels"
    assert "%" not in many.get_xticklabels()[0].get_text()
    pyplot.close("all")


def test_learning_curves_without_errors_have_an_axis_up_to_one_percent():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    from skcnn.study.comparison.figures import learning_curves

    results = made_up()  # no training errors, but test errors
    figure = learning_curves(results.by_share, results.images)
    test, train = figure.axes
    assert train.get_ylim() == (0, 1)
    assert test.get_ylim()[1] > 10
    pyplot.close(figure)
