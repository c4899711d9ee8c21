"""ConvNetRegressor: scikit-learn's checks, targets of one or several numbers, streams."""

import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from helpers.estimator_checks import parametrize_with_checks
from helpers.sample_weights import EXPECTED_FAILURES
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score

from skcnn import ConvNetRegressor

CHEAP = {"n_filters": 8, "max_iter": 50}
DAYS = np.datetime64("2024-01-01") + np.arange(400) * np.timedelta64(1, "D")
CHECKED = [
    ConvNetRegressor(max_iter=30),
    ConvNetRegressor(normalization=None, solver="adam", **CHEAP),
]


@parametrize_with_checks(CHECKED, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_estimator_checks(estimator, check):
    check(estimator)


def new(**settings):
    small = {"n_filters": (8, 8), "hidden_layer_sizes": (16,), "max_iter": 6, "random_state": 0}
    return ConvNetRegressor(**{**small, **settings})


@pytest.fixture(scope="module")
def ink(digits):
    """400 digits; how dark they are, and how much darker their upper half is, in odd units."""
    X = digits[0][:400]
    upper, lower = X[:, :4].mean(axis=(1, 2)), X[:, 4:].mean(axis=(1, 2))
    return X, np.stack([1e5 + 1e3 * (upper + lower), 1e-3 * (upper - lower)], axis=1)


def test_one_target_and_several(ink):
    X, y = ink
    for targets, shape in ((y[:, 0], (400,)), (y[:, :1], (400, 1)), (y, (400, 2))):
        model = new(max_iter=20).fit(X, targets)
        assert model.predict(X).shape == shape
        assert model.score(X, targets) > 0.9
        assert_allclose(model.target_mean_, targets.reshape(400, -1).mean(axis=0))
        assert_allclose(model.target_scale_, targets.reshape(400, -1).std(axis=0))


def test_it_does_not_depend_on_the_units_of_the_targets(ink):
    X, y = ink
    one = new().fit(X, y)
    other = new().fit(X, y * [1e-6, 1e9] + [3.0, -1e12])
    expected = one.predict(X) * [1e-6, 1e9] + [3.0, -1e12]
    assert_allclose(other.predict(X) - other.target_mean_, expected - other.target_mean_, rtol=1e-2)


@pytest.mark.parametrize("exponent", [-950, -700, -530, -20, 70])
def test_the_magnitude_of_the_targets_does_not_matter(ink, exponent):
    """A factor that is a power of two changes nothing but the predictions' units, bit for bit."""
    X, y = ink
    scaled = np.ldexp(y, exponent)
    with np.errstate(all="raise"):
        one, other = new().fit(X, y), new().fit(X, scaled)
        assert_array_equal(other.predict(X), np.ldexp(one.predict(X), exponent))
        # the scale of a single target is one, in any units
        stream, other = new().partial_fit(X[:1], y[:1]), new().partial_fit(X[:1], scaled[:1])
        for part in (slice(1, 100), slice(100, 101), slice(101, 400)):
            stream.partial_fit(X[part], y[part])
            other.partial_fit(X[part], scaled[part])
            assert_array_equal(other.predict(X), np.ldexp(stream.predict(X), exponent))


def test_subnormal_targets(ink):
    """They have few digits themselves."""
    X, y = ink[0], ink[1][:, 1]
    tiny = y / np.abs(y).max() * 1e-318
    with np.errstate(all="raise"):
        model = new(max_iter=20).fit(X, tiny)
        predicted = model.predict(X)
    assert r2_score(np.ldexp(tiny, 1050), np.ldexp(predicted, 1050)) > 0.9


def test_targets_whose_magnitude_changes_in_a_stream(ink):
    X, y = ink
    model = new().partial_fit(X[:200], y[:200] * 1e-200)
    model.partial_fit(X[200:], y[200:])
    assert_allclose(model.target_mean_, y[200:].mean(axis=0) / 2, rtol=1e-9)
    assert np.isfinite(model.predict(X)).all()
    model.partial_fit(X[:200], y[:200] * 1e-200)
    assert np.isfinite(model.predict(X)).all()


def test_results_do_not_depend_on_the_number_of_threads(ink):
    one, two = (new(n_jobs=n).fit(*ink) for n in (1, 2))
    assert_array_equal(one.network_.snapshot(), two.network_.snapshot())
    assert_array_equal(one.predict(ink[0]), two.predict(ink[0]))


def test_a_frame_of_targets(ink):
    X, y = ink
    assert_array_equal(new().fit(X, pd.DataFrame(y)).predict(X), new().fit(X, y).predict(X))


def test_sample_weights_are_used_for_the_scale_and_the_loss(ink):
    X, y = ink
    weights = np.where(np.arange(400) < 200, 1.0, 0.0)
    weighted = new().fit(X, y, weights)
    assert_allclose(weighted.target_mean_, y[:200].mean(axis=0))
    # the order of summation in the means differs
    difference = weighted.predict(X) - new().fit(X[:200], y[:200]).predict(X)
    assert np.abs(difference / weighted.target_scale_).max() < 0.05


def test_validation_scores_are_r2(ink):
    X, y = ink
    weights = np.random.default_rng(0).random(100)
    model = new(max_iter=4).fit(
        X[:300], y[:300], X_val=X[300:], y_val=y[300:], sample_weight_val=weights
    )
    assert len(model.validation_scores_) == 4
    found = r2_score(y[300:], model.predict(X[300:]), sample_weight=weights)
    assert model.validation_scores_[-1] == pytest.approx(found, abs=1e-5)
    z = (model.predict(X[300:]) - y[300:]) / model.target_scale_
    loss = np.average(0.5 * (z**2).mean(axis=1), weights=weights)
    assert model.validation_loss_curve_[-1] == pytest.approx(loss, rel=1e-4)


def test_early_stopping_keeps_the_weights_of_least_validation_loss(ink, capsys):
    X, y = ink
    model = new(early_stopping=True, max_iter=60, n_iter_no_change=3, verbose=True).fit(X, y)
    assert model.n_iter_ < 60
    best = int(np.argmin(model.validation_loss_curve_))
    assert best < model.n_iter_ - 1
    assert model.best_validation_score_ == model.validation_scores_[best]
    assert "validation R2" in capsys.readouterr().out


def test_early_stopping_with_a_single_validation_image(ink):
    X, y = ink
    model = new(early_stopping=True, max_iter=3).fit(X[:300], y[:300], X_val=X[:1], y_val=y[:1])
    assert np.isnan(model.validation_scores_).all()
    assert model.best_validation_score_ is None


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_stream_of_targets_learns(ink, size):
    """Also if the first images are not typical, and whatever the size of a call."""
    X, y = ink
    palest = np.argsort(y[:, 0], kind="stable")[:20]
    order = np.concatenate([palest, np.random.default_rng(0).permutation(400)])
    model = new()
    for _ in range(1 if size == 1 else 10):
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            model.partial_fit(X[chosen], y[chosen, 0])
    assert model.score(X, y[:, 0]) > 0.5


def test_new_targets_do_not_change_predictions_by_themselves(ink):
    """The output layer is adapted to the mean and the scale of all targets so far."""
    X, y = ink
    model = new().partial_fit(X[:100], y[:100])
    before = model.predict(X[100:])
    model.set_params(learning_rate=lambda step: 0.0).partial_fit(X[100:], 5 * y[100:] + 1)
    change = (model.predict(X[100:]) - before) / model.target_scale_
    # the images' mean and scale have changed a little, too
    assert np.abs(change).max() < 0.2
    assert_allclose(model.target_mean_, np.concatenate([y[:100], 5 * y[100:] + 1]).mean(axis=0))


def test_a_warm_start_keeps_the_scale(ink):
    X, y = ink
    model = new(warm_start=True).fit(X, y)
    mean, loss = model.target_mean_, model.loss_
    model.fit(X, y)
    assert_array_equal(model.target_mean_, mean)
    assert model.loss_ < loss
    assert model.n_iter_ == 12


def test_a_warm_start_with_targets_in_other_units(ink):
    X, y = ink
    model = new(warm_start=True, max_iter=15).fit(X, y)
    assert model.fit(X, 1e6 * y).score(X, 1e6 * y) > 0.7


def test_constant_targets():
    X = np.random.default_rng(0).random((60, 8, 8))
    model = new().fit(X, np.full(60, 7.0))
    assert_allclose(model.predict(X), 7, atol=0.5)
    assert_array_equal(model.target_scale_, [1])


def test_noise_cannot_be_learned_and_is_announced():
    rng = np.random.default_rng(0)
    X, y = np.zeros((300, 8, 8)), rng.random(300)
    with pytest.warns(ConvergenceWarning, match="loss of predicting the mean of the targets"):
        new(max_iter=30).fit(X, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (np.zeros((400, 2, 2)), r"y has shape \(400, 2, 2\); expected \(n,\) or \(n, n_targets\)"),
        (np.zeros((400, 0)), r"y has shape \(400, 0\); expected \(n,\) or \(n, n_targets\)"),
        (np.zeros(399), "X has 400 images, but y has 399 targets; expected one target for each"),
        (np.zeros((399, 3)), "X has 400 images, but y has 399 rows"),
        (np.full(400, np.nan), "Input y contains NaN"),
        (np.full(400, 1e40), r"y has values as large as 1e\+40; expected at most 1e\+30"),
        (
            ["a"] * 400,
            r"y has values such as .*'a'.*; expected real numbers.*use ConvNetClassifier",
        ),
        (pd.Series(["a"] * 400), "y has values such as 'a', of type str; expected real numbers"),
        (["12"] * 400, r"'12'.*; expected real numbers.*np\.asarray\(y, dtype=float\)"),
        (np.full(400, b"12"), "b'12'.*; expected real numbers"),
        (DAYS, r"np.datetime64\('2024-01-01'\).*; expected real numbers.*days since the first"),
        (pd.Series(DAYS), "datetime64.*; expected real numbers.*days since the first"),
        (pd.Series(DAYS).dt.tz_localize("UTC"), "Timestamp.*; expected real numbers.*days since"),
        (DAYS.astype(object), r"datetime.date\(2024, 1, 1\).*; expected real numbers.*days since"),
        (pd.Series(DAYS).dt.to_period("D"), "Period.*; expected real numbers"),
        (DAYS - DAYS[0], "timedelta64.*; expected real numbers.*Divide them by a unit"),
        (pd.Series(DAYS - DAYS[0]), "timedelta64.*; expected real numbers.*Divide them by a unit"),
        ((DAYS - DAYS[0]).astype(object), "timedelta.*; expected real numbers.*Divide them by a"),
        (pd.DataFrame({"a": np.arange(400.0), "b": DAYS}), "Timestamp.*; expected real numbers"),
        (np.full(400, 1 + 2j), r"\(1\+2j\).*; expected real numbers.*y\.real"),
        (np.zeros(400, [("a", float)]), "; expected real numbers"),
        (np.array([1] * 399 + [10**400], dtype=object), "an int of 1,329 bits.*; expected real"),
        (np.ma.masked_equal(np.arange(400.0), 7), "Input y contains masked values: 1 of 400"),
        (np.array([1.0] * 399 + [None]), r"None: 1 of 400 targets are missing; .* images out\.$"),
        (np.array([np.nan] * 4 + ["a"] * 396, dtype=object), "Input y contains NaN: 4 of 400"),
        (pd.Series([1] * 399 + [pd.NA], dtype="Int64"), "Input y contains N"),
    ],
)
def test_bad_targets(ink, y, message):
    model = new()
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(ink[0], y)
    assert vars(model) == before


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.tolist(),
        lambda y: pd.Series(y).astype("Int64"),
        lambda y: pd.Series(y).astype("category"),
        lambda y: np.array([Fraction(int(value)) for value in y]),
        lambda y: y.astype(str).astype(object),  # as check_array(y, dtype="numeric") reads it
    ],
    ids=["list", "Int64", "category", "fractions", "strings as objects"],
)
def test_every_form_of_numbers(ink, convert):
    X, y = ink[0], (ink[1][:, 0] - 1e5).astype(int)
    assert_array_equal(new().fit(X, convert(y)).predict(X), new().fit(X, y).predict(X))


@pytest.mark.parametrize(
    "convert", [np.asarray, pd.Series, lambda y: pd.Series(y, dtype="boolean")]
)
def test_bools_are_zeros_and_ones(ink, convert):
    X, y = ink[0], ink[1][:, 1] > 0
    model = new().fit(X, convert(y), X_val=X, y_val=convert(y))
    assert_array_equal(model.predict(X), new().fit(X, y.astype(float)).predict(X))


def test_bad_validation_targets(ink):
    with pytest.raises(ValueError, match=r"y_val has values such as .*datetime64"):
        new().fit(ink[0], ink[1][:, 0], X_val=ink[0], y_val=DAYS)


def test_targets_that_do_not_fit_those_before(ink):
    X, y = ink
    model = new().partial_fit(X, y)
    with pytest.raises(
        ValueError, match=r"y has shape \(400,\); expected \(n, 2\), as in the call"
    ):
        model.partial_fit(X, y[:, 0])
    with pytest.raises(ValueError, match=r"y_val has shape \(400,\); expected \(n, 2\), as in y"):
        new().fit(X, y, X_val=X, y_val=y[:, 0])
    model = new(warm_start=True).fit(X, y[:, 0])
    with pytest.raises(
        ValueError, match=r"y has shape \(400, 2\); expected \(n,\), as in the call"
    ):
        model.fit(X, y)


def test_pickling_cloning_and_cross_validation(ink):
    X, y = ink
    model = new().fit(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert not hasattr(clone(model), "network_")
    assert cross_val_score(new(max_iter=20), X, y[:, 0], cv=3).mean() > 0.7
    assert model.transform(X).shape == (400, 32)


def test_it_learns_digits(digits):
    """How dark a digit is, with the defaults."""
    X = digits[0]
    y = X.mean(axis=(1, 2))
    assert (
        ConvNetRegressor(random_state=0, max_iter=20)
        .fit(X[:1200], y[:1200])
        .score(X[1200:], y[1200:])
        > 0.97
    )
