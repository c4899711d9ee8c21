"""What skcnn.study.comparison makes of its figures: statistics, winners, sentences."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from skcnn.study.comparison.conclusions import brief, conclude
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.comparison.summary import by_share, crossing_points
from skcnn.study.statistics import McNemar, crossings, mcnemar


def test_mcnemar_by_hand():
    a = np.array([1, 1, 1, 0, 0, 0, 0], dtype=bool)
    b = np.array([1, 0, 0, 0, 0, 0, 0], dtype=bool)
    assert mcnemar(a, b) == McNemar(only_a=2, only_b=0, both=1, p_value=0.5)
    assert mcnemar(a, a).p_value == 1.0


def test_crossings_by_hand():
    assert crossings([1, 10], [1, 2]) == []
    assert crossings([1, 100], [-1, 1]) == pytest.approx([10])
    assert crossings([1, 10, 100], [-1, 0, 1]) == pytest.approx([10])
    assert crossings([1, 10, 100], [0.02, 0, -0.01]) == pytest.approx([10])
    assert crossings([1, 10, 1000, 10_000], [2, 0, 0, -1]) == pytest.approx([100])
    assert crossings([1, 10, 100], [1, 0, 1]) == []
    assert len(crossings([1, 10, 100], [1, -1, 1])) == 2


def scripted_curves(cnn, hog):
    """Learning-curve rows with these errors at 10 and 100 %, by seed."""
    return [
        {
            "contender": key,
            "share": share,
            "images": 10 * share,
            "seed": seed,
            "test_error": error,
            "train_error": 0.0,
            "fit_seconds": 1.0,
        }
        for key, errors in (("cnn", cnn), ("hog_svc", hog), ("cnn_svc", cnn))
        for share, by_seed in zip((10, 100), errors, strict=True)
        for seed, error in enumerate(by_seed)
    ]


@pytest.mark.parametrize(
    ("cnn", "hog", "expected"),
    [
        ([[0.20, 0.22], [0.01, 0.012]], [[0.10, 0.11], [0.03, 0.03]], "clear on both sides"),
        ([[0.10, 0.12], [0.01, 0.012]], [[0.11, 0.10], [0.03, 0.03]], "nobody is ahead on 10 %"),
        ([[0.05, 0.06], [0.01, 0.012]], [[0.10, 0.11], [0.03, 0.03]], "it is CNN"),
        ([[0.20, 0.22], [0.04, 0.042]], [[0.10, 0.11], [0.03, 0.03]], "it is HOG + SVC"),
        ([[0.20], [0.01]], [[0.10], [0.03]], "a single seed"),
        ([[0.05], [0.01]], [[0.10], [0.03]], "CNN is ahead throughout; with a single seed"),
        (
            [[0.09, 0.10], [0.02, 0.03]],
            [[0.10, 0.10], [0.03, 0.03]],
            "CNN is ahead throughout; within the spread over the seeds",
        ),
    ],
)
def test_conclusions_follow_the_figures(small, cnn, hog, expected):
    rows = scripted_curves(cnn, hog)
    results = {
        **small[1].results,
        "curves": rows,
        "by_share": by_share(rows),
        "crossings": crossing_points(rows),
        "settings": {**small[1].results["settings"], "seeds": list(range(len(cnn[0])))},
    }
    assert expected in " ".join(conclude(results))
    assert expected in brief(results)


def test_trainings_that_take_as_long_are_called_so(small):
    results = small[1].results
    seconds = {"cnn": 125.0, "hog_svc": 250.0, "cnn_svc": 124.0}
    final = {key: {**fit, "fit_seconds": seconds[key]} for key, fit in results["final"].items()}
    text = " ".join(conclude({**results, "final": final}))
    assert "CNN and CNN features + SVC are the quickest to train (about 124 s; HOG" in text

    alike = {key: {**fit, "fit_seconds": 100.0} for key, fit in final.items()}
    text = " ".join(conclude({**results, "final": alike}))
    assert "All take about as long to train (100 s to 100 s)" in text


@pytest.mark.parametrize(
    ("before", "falls"),
    [
        ([0.05, 0.06, 0.055], True),
        ([0.012, 0.0101, 0.0119], False),  # within the spread
        ([0.001, 0.002, 0.001], False),  # it rises
    ],
)
def test_error_still_falls_only_if_that_is_clear(small, before, falls):
    rows = scripted_curves([before, [0.01, 0.011, 0.0105]], [[0.1] * 3, [0.1] * 3])
    summary = {"by_share": by_share(rows), "crossings": crossing_points(rows)}
    text = " ".join(conclude({**small[1].results, "curves": rows, **summary}))
    assert ("of CNN and CNN features + SVC still falls" in text) is falls
    assert ("still falls" in text) is falls


def test_conclusions_on_mnist_speak_of_the_paper(small):
    results = small[1].results
    data = {**results["data"], "is_full_mnist": True}
    assert not any("paper of 2014" in text for text in conclude({**results, "data": data}))
    grown_up = {**results, "data": data, "settings": {**results["settings"], "quick": False}}
    assert any("paper of 2014" in text for text in conclude(grown_up))
    assert not any("paper of 2014" in text for text in conclude(results))


def test_nobody_is_ahead_where_not_all_were_run():
    common = {"share": 50, "images": 100, "seed": 0, "train_error": 0.0}
    rows = [
        {**common, "contender": key, "test_error": error}
        for key, error in zip(CONTENDERS, (0.1, 0.2, 0.3), strict=True)
    ]
    assert by_share(rows)[0]["winner"] == next(iter(CONTENDERS))
    (left_out,) = by_share(rows[1:])
    assert left_out["winner"] is None
    assert not left_out["clear"]
