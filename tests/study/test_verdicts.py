"""The verdicts on the paper's conclusions, from made-up tables."""

import numpy as np
import pytest

from skcnn.study import published
from skcnn.study.paper2014.experiments import COMPARED
from skcnn.study.paper2014.tables import Row, paper_rows
from skcnn.study.paper2014.verdicts import FAILS, HOLDS, UNCLEAR, Errors, judge


def _row(series, x, test, train, train_images=5_000, **more):
    return Row(series, x, test_error=test, train_error=train, train_images=train_images, **more)


def _series(tests, trains=None):
    """The same made-up values for both protocols."""
    trains = trains or tests
    return [_row(p, x, tests[x], trains[x]) for p in COMPARED for x in tests]


def _statuses(experiment, tests, trains=None):
    verdicts = judge({experiment: _series(tests, trains)}, n_test=10_000)
    return [verdict.published.status for verdict in verdicts]


def test_verdicts_on_table2():
    paper = published.TABLE2
    falling = {x: 1.0 - i / 10 for i, x in enumerate(paper)}
    assert _statuses("table2", paper, falling) == [HOLDS, HOLDS, UNCLEAR]  # 0.2 points are noise
    worse = {**paper, "32-16": 2.9}
    assert _statuses("table2", worse, falling) == [HOLDS, UNCLEAR, HOLDS]
    assert _statuses("table2", worse, paper)[2] == UNCLEAR  # is its training error higher, too?
    assert _statuses("table2", worse, worse)[2] == FAILS  # it is
    assert _statuses("table2", dict.fromkeys(paper, 1.2)) == [FAILS, FAILS, FAILS]
    slightly = {"none": 2.69, "10": 2.6, "16": 2.6, "32": 2.6, "32-16": 2.7}
    assert _statuses("table2", slightly)[1] == UNCLEAR
    assert _statuses("table2", {**slightly, "10": 1.0, "16": 5.0})[1] == FAILS  # one is worse


def test_verdicts_on_one_setting():
    assert _statuses("fig2", published.FIG2) == [HOLDS]
    assert _statuses("fig2", {5: 1, 7: 2, 9: 3, 11: 4, 13: 5, 15: 6}) == [FAILS]
    assert _statuses("fig2", {**dict.fromkeys(published.FIG2, 1.1), 9: 1.0}) == [UNCLEAR]
    assert _statuses("fig2", {5: 4, 7: 2, 9: 1.5, 11: 1.2, 13: 1.05, 15: 1.04}) == [UNCLEAR]
    assert _statuses("fig2", {5: 1.6, 7: 1.1, 9: 1.0, 11: 3, 13: 3, 15: 1.6}) == [UNCLEAR]
    assert _statuses("fig4", published.FIG4, dict.fromkeys(published.FIG4, 1.0)) == [HOLDS, HOLDS]
    # a training error that rises with the test error is no overfitting
    assert _statuses("fig4", published.FIG4, published.FIG4) == [HOLDS, FAILS]
    assert _statuses("fig4", dict.fromkeys(published.FIG4, 1.2)) == [FAILS, FAILS]
    slight = {**dict.fromkeys(published.FIG4, 2.8), 256: 3.1}  # within the noise
    assert _statuses("fig4", slight) == [UNCLEAR, UNCLEAR]
    assert _statuses("fig4", {**slight, 128: 1.5})[0] == FAILS
    assert _statuses("fig6", published.FIG6) == [HOLDS]
    assert _statuses("fig6", {1: 4, 2: 1.05, 3: 0.9, 4: 0.9, 5: 0.9, 6: 1.0}) == [UNCLEAR]
    assert _statuses("fig6", {1: 4, 2: 3, 3: 2, 4: 1.5, 5: 1.2, 6: 1.1}) == [FAILS]


def test_verdicts_on_output_and_method():
    assert _statuses("sec5.5", published.SEC55) == [HOLDS, HOLDS]
    close = {"softmax": 1.2, "sigmoid": 1.25, "gradient descent": 60.0}
    assert _statuses("sec5.5", close) == [FAILS, FAILS]
    assert _statuses("sec5.5", {**close, "sigmoid": 2.5})[0] == FAILS  # worse, but not far worse
    assert _statuses("sec5.5", {**close, "gradient descent": 80.0})[1] == UNCLEAR


def test_verdicts_on_time_heatmaps_and_shares():
    assert _statuses("fig8", published.FIG8_TEST) == [HOLDS]
    assert _statuses("fig8", {1: 30.0, 2: 29.0, 3: 5.0}) == [FAILS]
    for name, columns in (
        ("heatmap1", published.HEATMAP_REGIONS_SIZES),
        ("heatmap2", published.HEATMAP_SIZES_FILTERS),
    ):
        tests = columns["test_error"]
        assert _statuses(name, tests) == [HOLDS]
        (verdict,) = judge({name: _series(tests)}, n_test=10_000)
        assert verdict.today.text.startswith("mean test error over all filter sizes: ")
        assert "rank correlation with the paper's cells 1.00" in verdict.today.text
        assert _statuses(name, dict.fromkeys(tests, 2.0)) == [FAILS]
    assert _statuses("fig11", published.FIG11_TEST, published.FIG11_TRAIN) == [HOLDS]
    level = {**dict.fromkeys(published.FIG11_TEST, 2.7), 100: 2.5}
    assert _statuses("fig11", level, published.FIG11_TRAIN) == [UNCLEAR]
    assert _statuses("fig11", level, level) == [FAILS]  # the training error falls


def test_verdict_on_hog():
    cnn = _series({10: 3.5, 50: 3.0, 100: 2.2})
    hog = [_row("HOG of 2014", x, 6.0, 1.0) for x in (5, 10, 50, 100)]
    hog += [_row("HOG tuned", x, e, 0.0) for x, e in ((5, 3.0), (10, 2.0), (100, 1.0))]
    found = judge({"fig10": hog, "fig11": cnn}, n_test=10_000)
    obsolete, tuned = (verdict for verdict in found if verdict.experiment == "fig10")
    assert (obsolete.published.status, obsolete.today.status) == (HOLDS, FAILS)
    assert "CNN ahead at 3 of 3 shares (CNN and HOG of 2014: " in obsolete.published.text
    assert (tuned.published.status, tuned.today.status) == (FAILS, FAILS)
    assert "CNN ahead at 0 of 2 shares (CNN and HOG tuned: " in tuned.published.text
    assert obsolete.is_conclusion
    assert not tuned.is_conclusion
    level = [_row("HOG tuned", x, e, 0.0) for x, e in ((10, 3.4), (50, 3.1), (100, 2.3))]
    found = judge({"fig10": [*hog[:4], *level], "fig11": cnn}, n_test=10_000)
    (tuned,) = (verdict for verdict in found if "tuned" in verdict.claim)
    assert tuned.published.status == UNCLEAR


def test_noise_of_seeds_and_test_images():
    rows = [
        _row("today", 1, 2.0, 1.0),
        _row("today", 2, 2.3, 1.0),
        _row("today", 3, 2.5, 1.0, seeds=4, test_error_sd=1.0),
    ]
    errors = Errors({"fig6": rows}, "fig6", "today", 10_000)
    assert errors.standard_error(1) == pytest.approx(0.14)
    # other seeds, but the same images
    assert errors.standard_error(3) == pytest.approx(np.hypot(0.5, 0.156), abs=0.001)
    assert not errors.worse(2, 1)
    assert not errors.worse(3, 1)
    assert Errors({"fig6": rows}, "fig6", "today", 1_000_000).worse(2, 1)


def test_noise_of_training_images():
    """The errors of a small share of the training images are measured on all of them."""
    rows = [_row("today", 10, 20.9, 7.5, train_images=120), _row("today", 100, 17.0, 14.05, 299)]
    errors = Errors({"fig11": rows}, "fig11", "today", 599)
    assert errors.standard_error(10, "train_error") == pytest.approx(2.404, abs=1e-3)
    assert errors.standard_error(100, "train_error") == pytest.approx(2.010, abs=1e-3)
    assert errors.standard_error(10) == pytest.approx(1.661, abs=1e-3)
    assert errors.worse(100, 10, "train_error")
    rows[1] = _row("today", 100, 17.0, 13.0, 299)  # significant if both were of 299 images
    assert not Errors({"fig11": rows}, "fig11", "today", 599).worse(100, 10, "train_error")


def test_the_lowest_error_at_several_settings():
    """A minimum at the end of a curve denies a claim only if it is nowhere else."""
    level = dict.fromkeys(published.FIG6, 4.0)
    (tied,) = judge({"fig6": _series({**level, 1: 1.0, 2: 1.0})}, n_test=10_000)
    assert tied.today.status == UNCLEAR
    assert "; lowest at 1 and 2; significantly higher only at 6" in tied.today.text
    assert _statuses("fig6", {**level, 2: 1.0, 3: 1.0}) == [HOLDS]
    assert _statuses("fig6", {**level, 1: 1.0, 6: 1.0}) == [FAILS]


def test_bounds_are_not_exceeded_by_rounding():
    assert 3.39 - published.DEFAULT_TEST_ERROR > 0.7
    paper = {**published.TABLE2, "none": 3.39}
    assert _statuses("table2", paper)[0] == HOLDS
    assert _statuses("table2", {**paper, "none": 3.393})[0] == FAILS
    assert 2.1 > 3 * 0.7
    assert _statuses("sec5.5", {**published.SEC55, "softmax": 0.7, "sigmoid": 2.1})[0] == FAILS
    assert 1.0 - 0.7 > 0.7 - 0.4
    assert _statuses("fig8", {1: 1.0, 2: 0.7, 3: 0.4}) == [FAILS]


def test_errors_of_the_paper():
    errors = Errors({"fig4": paper_rows("fig4")}, "fig4", "paper", 10_000)
    assert errors.best == 32
    assert errors.worse(256, 64)
    assert not errors.worse(64, 32)
