"""How ConvNetClassifier trains: `fit`, `partial_fit`, warm start, parameters."""

import gc
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.quick import constant_rate, fast
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skcnn import ConvNetClassifier
from skcnn._fitting.settings import settings_of
from skcnn._tasks.classification import Classification
from skcnn.engine.layers import Dense, Dropout
from skcnn.engine.workspace import Workspace

DIGITS = np.arange(10)

# --- training -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dropout": 0.4, "hidden_layer_sizes": (20,), "solver": "sgd"},
        {"n_filters": (5, 7), "pooling": "mean", "early_stopping": True, "activation": "tanh"},
        {"solver": "gd", "augment": "affine"},
        {"augment": "elastic"},
    ],
)
def test_results_are_identical_for_any_number_of_threads(images, settings):
    X, y = images
    models = [fast(n_jobs=n_jobs, **settings).fit(X, y) for n_jobs in (1, 2, 3)]
    for model in models[1:]:
        assert_array_equal(model.network_.parameters, models[0].network_.parameters)
        assert model.loss_curve_ == models[0].loss_curve_
        assert_array_equal(model.predict_proba(X), models[0].predict_proba(X))
        assert model.validation_scores_ == models[0].validation_scores_


def test_random_state(images):
    X, y = images

    def parameters(random_state):
        return fast(random_state=random_state, dropout=0.1).fit(X, y).network_.parameters

    assert_array_equal(parameters(1), parameters(1))
    assert_array_equal(parameters(np.random.RandomState(7)), parameters(7))
    stream = np.random.RandomState(1)
    different = [parameters(0), parameters(1), parameters(None), parameters(None)]
    different += [parameters(stream), parameters(stream)]
    assert len({tuple(vector) for vector in different[:4]} | {tuple(different[5])}) == 5


@pytest.mark.parametrize("solver", ["adam", "muon", "sgd"])
def test_repeated_partial_fit_equals_fit(images, solver):
    """Bit for bit, with a schedule that does not depend on the number of epochs."""
    X, y = images
    settings = {"solver": solver, "dropout": 0.2, "learning_rate": lambda step: 0.01 / (step + 1)}
    at_once = fast(max_iter=4, **settings).fit(X, y)
    step_by_step = fast(**settings)
    for _ in range(4):
        step_by_step.partial_fit(X, y, classes=np.arange(10))
    assert_array_equal(step_by_step.network_.parameters, at_once.network_.parameters)
    assert step_by_step.loss_curve_ == at_once.loss_curve_
    assert (step_by_step.n_iter_, step_by_step.t_) == (at_once.n_iter_, at_once.t_) == (4, 1200)


def test_partial_fit_on_a_stream(digits):
    """Training on small parts, some of which lack classes, reaches a high accuracy."""
    # Without shuffling, the test images would be by other writers.
    order = np.random.default_rng(0).permutation(len(digits[1]))
    X, y = digits[0][order], digits[1][order]
    model = fast(n_filters=16, learning_rate_init=0.005)
    for _ in range(6):
        for start in range(0, 1500, 25):
            part = slice(start, start + 25)
            model.partial_fit(X[part], y[part], classes=range(10))
    assert model.t_ == 6 * 1500
    assert model.n_iter_ == 6 * 60
    assert model.score(X[1500:], y[1500:]) > 0.95


@pytest.mark.parametrize("schedule", ["one_cycle", "linear"])
def test_partial_fit_uses_a_constant_rate_for_schedules_with_an_end(images, schedule):
    with_end = fast(learning_rate=schedule).partial_fit(*images, classes=range(10))
    constant = fast(learning_rate=lambda step: 0.002).partial_fit(*images, classes=range(10))
    assert_array_equal(with_end.network_.parameters, constant.network_.parameters)


def test_linear_schedule_falls_to_zero_at_the_end_of_fit(images):
    """300 images, 2 epochs of 5 mini-batches."""
    linear = fast(learning_rate="linear", max_iter=2).fit(*images)
    same = fast(learning_rate=lambda step: 0.002 * (1 - step / 10), max_iter=2).fit(*images)
    assert_array_equal(linear.network_.parameters, same.network_.parameters)


def test_partial_fit_ignores_max_time(images):
    model = fast(max_time=1e-9)
    assert fast(max_time=1e-9).fit(*images).t_ == 64
    assert model.partial_fit(*images, classes=range(10)).t_ == 300
    assert model.partial_fit(*images).t_ == 600
    unlimited = fast().partial_fit(*images, classes=range(10)).partial_fit(*images)
    assert_array_equal(model.network_.parameters, unlimited.network_.parameters)


@pytest.mark.parametrize("changes", [{"dropout": 2.0}, {"solver": "lbfgs"}, {"n_jobs": 1.5}])
def test_every_call_of_partial_fit_refuses_invalid_parameters(images, changes):
    X, y = images
    (name,) = changes
    model = fast().set_params(**changes)
    with pytest.raises(ValueError, match=f"The '{name}' parameter of ConvNetClassifier must be"):
        model.partial_fit(X, y, classes=range(10))
    model = fast().partial_fit(X, y, classes=range(10)).set_params(**changes)
    before = model.network_.parameters.copy()
    with pytest.raises(ValueError, match=f"The '{name}' parameter of ConvNetClassifier must be"):
        model.partial_fit(X, y)
    assert_array_equal(model.network_.parameters, before)
    assert model.t_ == 300


def test_each_call_validates_the_parameters_once(images, monkeypatch):
    X, y = images
    calls = []

    def validate(self):
        calls.append(self)
        original(self)

    original = ConvNetClassifier._validate_params
    monkeypatch.setattr(ConvNetClassifier, "_validate_params", validate)
    model = fast(warm_start=True, max_iter=1)
    for number, call in enumerate(
        (
            lambda: model.partial_fit(X, y, classes=range(10)),
            lambda: model.partial_fit(X, y),
            lambda: model.fit(X, y),
            lambda: model.set_params(warm_start=False).fit(X, y),
            lambda: model.partial_fit(X, y),
        ),
        start=1,
    ):
        call()
        assert calls == [model] * number


@pytest.mark.parametrize("solvers", [("sgd", "adam"), ("muon", "adam"), ("adam", "muon")])
def test_partial_fit_with_another_solver_resets_the_optimizer(images, solvers):
    """The moments of one optimizer mean nothing to another, even if there are as many."""
    model = fast(solver=solvers[0]).fit(*images)
    before = model.network_.parameters.copy()
    model.set_params(solver=solvers[1]).partial_fit(*images)
    assert model.n_iter_ == 4
    assert model.t_ == 1200
    assert model._state.step == 5  # that of the new optimizer
    assert 0 < np.abs(model.network_.parameters - before).max() < 0.1


def test_fit_starts_over(images):
    X, y = images
    model = fast()
    first = model.fit(X, y).network_.parameters.copy()
    model.partial_fit(X, y)
    assert_array_equal(model.fit(X, y).network_.parameters, first)
    assert (model.n_iter_, model.t_, len(model.loss_curve_)) == (3, 900, 3)
    # other images and other labels, in a data frame; then an array again
    frame = pd.DataFrame(X[:, :4].reshape(300, -1)).add_prefix("pixel")
    model.fit(frame, (y > 4).astype(str))
    assert model.image_shape_ == (1, 32, 1)
    assert model.classes_.tolist() == ["False", "True"]
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")
    assert_array_equal(model.network_.parameters, first)


def test_warm_start(images):
    """`fit` continues from the weights of the previous fit, with a new optimizer."""
    X, y = images
    steps = []
    model = fast(warm_start=True, learning_rate=lambda step: steps.append(step) or 0.002)
    model.fit(X, y)
    losses = list(model.loss_curve_)
    model.set_params(alpha=0.5, max_iter=2).fit(X, y)
    assert (model.n_iter_, model.t_) == (5, 1500)
    assert model.loss_curve_[:3] == losses
    assert model.loss_curve_[3] < losses[-1]
    assert model.loss_ == model.loss_curve_[-1]
    assert steps == [*range(15), *range(10)]
    # the same as a new fit that starts from these weights
    frozen = fast(learning_rate=lambda step: 0.0, warm_start=True).fit(X, y)
    frozen.network_.parameters[:] = fast(learning_rate=constant_rate).fit(X, y).network_.parameters
    frozen.set_params(learning_rate=constant_rate, alpha=0.5, max_iter=2).fit(X, y)
    assert_array_equal(frozen.network_.parameters, model.network_.parameters)


def test_each_warm_start_uses_a_new_order(images):
    X, y = images
    seen = []

    def augment(batch, rng):
        seen.extend(batch[:, :, :, 0].sum(axis=(1, 2)).tolist())
        return batch

    model = fast(warm_start=True, max_iter=1, augment=augment, n_jobs=1)
    for _ in range(3):
        model.fit(X, y)
    epochs = [seen[i : i + len(X)] for i in range(0, len(seen), len(X))]
    assert len(epochs) == 3
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(epochs[2])
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_validation_scores_have_one_entry_for_each_epoch(images):
    X, y = images
    model = fast(warm_start=True, max_iter=2).fit(X, y)
    model.fit(X, y, X_val=X[:50], y_val=y[:50])
    assert len(model.validation_scores_) == len(model.loss_curve_) == 4
    assert np.isnan(model.validation_scores_[:2]).all()
    assert model.best_validation_score_ == max(model.validation_scores_[2:])
    assert np.isnan(model.validation_loss_curve_).tolist() == [True, True, False, False]


def test_curves_and_counters(images):
    model = fast(max_iter=7).fit(*images)
    assert model.n_iter_ == len(model.loss_curve_) == 7
    assert model.t_ == 7 * 300
    assert model.loss_ == model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.validation_scores_ is None
    assert model.validation_loss_curve_ is None
    assert model.best_validation_score_ is None


def test_callable_rate_and_momentum_receive_the_step(images):
    X, y = images
    rates, momenta = [], []
    model = fast(
        solver="sgd",
        learning_rate=lambda step: rates.append(step) or 0.01,
        momentum=lambda step: momenta.append(step) or 0.5,
        batch_size=100,
    ).fit(X, y)
    assert rates == momenta == list(range(9))
    fixed = fast(solver="sgd", learning_rate=lambda step: 0.01, momentum=0.5, batch_size=100)
    assert_array_equal(fixed.fit(X, y).network_.parameters, model.network_.parameters)
    rates.clear()
    model.set_params(solver="gd", momentum=0.9).fit(X, y)
    assert rates == [0, 1, 2]


def test_gd_equals_sgd_with_one_batch_of_all_images(digits):
    """1,797 images: more than the trainer processes at once."""
    X, y = digits
    settings = {"alpha": 0.1, "dropout": 0.1, "max_iter": 2, "learning_rate_init": 0.1}
    full = fast(solver="gd", **settings).fit(X, y)
    as_batch = fast(solver="sgd", batch_size=5000, **settings).fit(X, y)
    assert_array_equal(full.network_.parameters, as_batch.network_.parameters)


@pytest.mark.parametrize(
    ("shuffle", "n_different"), [(True, 300), (False, 300), ("replacement", 190)]
)
def test_shuffle(images, shuffle, n_different):
    """Draws with replacement leave out about 37 % of the images."""
    seen = []

    def record(images, rng):
        seen.extend(images[:, 0, 0, 0].astype(int).tolist())
        return images

    X = images[0].astype(float)
    X[:, 0, 0] = np.arange(300)
    fast(shuffle=shuffle, augment=record, max_iter=1).fit(X, images[1])
    assert len(seen) == 300
    assert len(set(seen)) == pytest.approx(n_different, abs=20 if shuffle == "replacement" else 0)
    assert (seen == sorted(seen)) == (shuffle is False)


def test_weight_init(images):
    """With a learning rate of 0, the initial weights do not change."""
    X, y = images
    frozen = fast(learning_rate=lambda step: 0.0, n_filters=30, hidden_layer_sizes=(100,))
    uniform = clone(frozen).set_params(weight_init="uniform").fit(X, y).network_
    assert uniform.parameters.min() == pytest.approx(-1, abs=0.01)
    assert uniform.parameters.max() == pytest.approx(1, abs=0.01)
    assert uniform.layer_parameters[-1].bias.all()
    for activation, limit in (("relu", np.sqrt(6 / 9)), ("tanh", np.sqrt(6 / (9 + 9 * 30)))):
        network = frozen.set_params(activation=activation).fit(X, y).network_
        assert np.abs(network.layer_parameters[0].weights).max() == pytest.approx(limit, rel=0.05)
        assert not network.layer_parameters[-1].bias.any()


@pytest.mark.parametrize(
    ("solver", "activation", "rate"),
    [
        ("adam", "relu", 0.004),
        ("adam", "tanh", 0.02),
        ("muon", "relu", 0.05),
        ("muon", "tanh", 0.05),
        ("sgd", "relu", 0.05),
        ("gd", "sigmoid", 0.5),
    ],
)
def test_automatic_learning_rate(images, solver, activation, rate):
    settings = {"solver": solver, "activation": activation, "max_iter": 1}
    automatic = fast(learning_rate_init="auto", **settings).fit(*images)
    given = fast(learning_rate_init=rate, **settings).fit(*images)
    assert_array_equal(automatic.network_.parameters, given.network_.parameters)


@pytest.mark.parametrize(
    ("batch_size", "schedule", "rate"),
    [
        (64, "linear", 0.05),
        (100, "auto", 0.05),
        (16, "linear", 0.025),
        (64, "constant", 0.015),
        (4, "constant", 0.00375),
        (64, "one_cycle", 0.05),
        (64, "invscaling", 0.05),
    ],
)
def test_automatic_learning_rate_of_muon(images, batch_size, schedule, rate):
    """Smaller in small mini-batches, and if it stays constant."""
    settings = {"solver": "muon", "max_iter": 1, "batch_size": batch_size}
    model = fast(learning_rate_init="auto", learning_rate=schedule, **settings)
    given = fast(learning_rate_init=rate, learning_rate=schedule, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*images)
        given.fit(*images)
    assert_array_equal(model.network_.parameters, given.network_.parameters)


def test_automatic_learning_rate_of_muon_in_a_stream(images):
    X, y = images
    model = fast(solver="muon", learning_rate="auto", learning_rate_init="auto", batch_size="auto")
    given = clone(model).set_params(learning_rate="constant", learning_rate_init=0.0075)
    for part in (slice(16), slice(16, 32)):
        model.partial_fit(X[part], y[part], classes=DIGITS)
        given.partial_fit(X[part], y[part], classes=DIGITS)
    assert_array_equal(model.network_.parameters, given.network_.parameters)


@pytest.mark.parametrize("solver", ["muon", "adam", "sgd", "gd"])
def test_automatic_schedule(images, solver):
    schedule = "linear" if solver == "muon" else "one_cycle"
    automatic = fast(solver=solver, learning_rate="auto", max_iter=2).fit(*images)
    given = fast(solver=solver, learning_rate=schedule, max_iter=2)
    assert_array_equal(automatic.network_.parameters, given.fit(*images).network_.parameters)


def classification(n_images):
    labels = np.arange(n_images) % 2
    return Classification(np.arange(2), labels, output_activation="softmax", label_smoothing=0.0)


@pytest.mark.parametrize(
    ("solver", "n_images", "expected"),
    [
        ("muon", 20, 20),
        ("muon", 6_500, 65),
        ("muon", 1_000, 64),
        ("muon", 60_000, 256),
        ("adam", 60_000, 64),
        ("sgd", 20, 20),
        ("gd", 6_500, 6_500),
    ],
)
def test_automatic_batch_size(solver, n_images, expected):
    model = fast(solver=solver, batch_size="auto")
    settings = settings_of(
        model, classification(n_images), n_images, incremental=False, has_validation=False
    )
    assert settings.step.batch_size == expected


def test_automatic_dropout(images):
    """With ReLU, before layers with at least 64 inputs."""

    def dropped(**changes):
        """The layers that follow a dropout layer."""
        layers = fast(dropout="auto", max_iter=1, **changes).fit(*images).network_.layers
        return [layers[i + 1] for i, layer in enumerate(layers) if layer == Dropout(0.3)]

    assert dropped() == [Dense(10)]  # 4 x 4 x 6 inputs
    assert dropped(hidden_layer_sizes=(64, 63)) == [Dense(64), Dense(63)]
    for none in ({"pool_regions": 1}, {"activation": "tanh"}, {"activation": "sigmoid"}):
        model = fast(dropout="auto", max_iter=1, **none).fit(*images)
        assert "Dropout" not in model.network_.summary()


def test_automatic_number_of_epochs(images):
    """At most 100 epochs, but at least 300 steps."""
    X, y = images
    automatic = fast(max_iter="auto", n_filters=4, pool_regions=2)
    assert automatic.fit(X, y).n_iter_ == 100
    assert automatic.fit(X[:60], y[:60]).n_iter_ == 300
    assert automatic.set_params(batch_size="auto").fit(X[:100], y[:100]).n_iter_ == 150


def test_alpha_shrinks_the_weights(images):
    sizes = [
        np.abs(fast(alpha=alpha, max_iter=20).fit(*images).filters_).mean() for alpha in (0, 1, 30)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_memory_is_freed_at_once(images):
    """That of a fit and of a prediction of many images, without the garbage collector."""

    def count():
        return sum(type(found) is Workspace for found in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = count()
        model = fast(n_jobs=2).fit(*images)
        model.predict(images[0])
        assert count() == before
    finally:
        gc.enable()


def test_constant_images(images):
    """There is nothing to learn, but the probabilities are finite."""
    X, y = np.full((300, 8, 8), 7.0), images[1]
    with pytest.warns(ConvergenceWarning, match="predicting the frequencies of the classes"):
        model = fast(max_iter=30).fit(X, y)
    assert len(np.unique(model.predict(X))) == 1
    assert np.isfinite(model.predict_proba(X)).all()
