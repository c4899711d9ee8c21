"""How ConvNetClassifier trains: epochs, partial fits, weights, validation, stopping."""

import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from quick import constant_rate, fast
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning


@pytest.fixture(scope="module")
def images(digits):
    """300 digits, uint8 (300, 8, 8), and their labels."""
    return digits[0][:300], digits[1][:300]


# --- training -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dropout": 0.4, "hidden_layer_sizes": (20,), "solver": "sgd"},
        {"n_filters": (5, 7), "pooling": "mean", "early_stopping": True, "activation": "tanh"},
        {"solver": "gd", "augment": "affine"},
    ],
)
def test_identical_for_any_number_of_threads(images, settings):
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
    assert len({tuple(one) for one in different[:4]} | {tuple(different[5])}) == 5


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_again_and_again_is_fit(images, solver):
    """To the last bit, with a schedule that does not need to know the end."""
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
    """Parts of the data, some without all classes; then the whole is known well."""
    X, y = digits
    model = fast(n_filters=16, learning_rate_init=0.005)
    for _ in range(6):
        for start in range(0, 1500, 25):
            part = slice(start, start + 25)
            model.partial_fit(X[part], y[part], classes=range(10))
    assert model.t_ == 6 * 1500
    assert model.n_iter_ == 6 * 60
    assert model.score(X[1500:], y[1500:]) > 0.9


def test_partial_fit_holds_the_rate_of_one_cycle(images):
    one_cycle = fast(learning_rate="one_cycle").partial_fit(*images, classes=range(10))
    held = fast(learning_rate=lambda step: 0.002).partial_fit(*images, classes=range(10))
    assert_array_equal(one_cycle.network_.parameters, held.network_.parameters)


def test_partial_fit_with_another_solver_begins_its_memory_anew(images):
    model = fast(solver="sgd").fit(*images)
    before = model.network_.parameters.copy()
    model.set_params(solver="adam").partial_fit(*images)
    assert model.n_iter_ == 4
    assert model.t_ == 1200
    assert 0 < np.abs(model.network_.parameters - before).max() < 0.1


def test_fit_begins_anew(images):
    X, y = images
    model = fast()
    first = model.fit(X, y).network_.parameters.copy()
    model.partial_fit(X, y)
    assert_array_equal(model.fit(X, y).network_.parameters, first)
    assert (model.n_iter_, model.t_, len(model.loss_curve_)) == (3, 900, 3)
    # other images, other labels, from a frame to an array
    frame = pd.DataFrame(X[:, :4].reshape(300, -1)).add_prefix("pixel")
    model.fit(frame, (y > 4).astype(str))
    assert model.image_shape_ == (1, 32, 1)
    assert model.classes_.tolist() == ["False", "True"]
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")
    assert_array_equal(model.network_.parameters, first)


def test_warm_start(images):
    """From the weights of the fit before, with an optimizer that begins anew."""
    X, y = images
    steps = []
    model = fast(warm_start=True, learning_rate=lambda step: steps.append(step) or 0.002)
    model.fit(X, y)
    losses = list(model.loss_curve_)
    network = model.network_
    model.set_params(alpha=0.5, max_iter=2).fit(X, y)
    assert model.network_ is network
    assert (model.n_iter_, model.t_) == (5, 1500)
    assert model.loss_curve_[:3] == losses
    assert model.loss_curve_[3] < losses[-1]
    assert model.loss_ == model.loss_curve_[-1]
    assert steps == [*range(15), *range(10)]
    # as another fit that starts from these weights
    still = fast(learning_rate=lambda step: 0.0, warm_start=True).fit(X, y)
    still.network_.parameters[:] = fast(learning_rate=constant_rate).fit(X, y).network_.parameters
    still.set_params(learning_rate=constant_rate, alpha=0.5, max_iter=2).fit(X, y)
    assert_array_equal(still.network_.parameters, model.network_.parameters)


def test_curves_and_counters(images):
    model = fast(max_iter=7).fit(*images)
    assert model.n_iter_ == len(model.loss_curve_) == 7
    assert model.t_ == 7 * 300
    assert model.loss_ == model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None


def test_rate_and_momentum_are_asked_by_step(images):
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


def test_full_batch_descent_is_a_batch_of_all(digits):
    """1,797 images: more than one go takes."""
    X, y = digits
    settings = {"alpha": 0.1, "dropout": 0.1, "max_iter": 2, "learning_rate_init": 0.1}
    full = fast(solver="gd", **settings).fit(X, y)
    as_batch = fast(solver="sgd", batch_size=5000, **settings).fit(X, y)
    assert_array_equal(full.network_.parameters, as_batch.network_.parameters)


def test_weights_begin_as_asked(images):
    """Seen with a rate of zero."""
    X, y = images
    still = fast(learning_rate=lambda step: 0.0, n_filters=30, hidden_layer_sizes=(100,))
    uniform = clone(still).set_params(weight_init="uniform").fit(X, y).network_
    assert uniform.parameters.min() == pytest.approx(-1, abs=0.01)
    assert uniform.parameters.max() == pytest.approx(1, abs=0.01)
    assert uniform.layer_parameters[-1].bias.all()
    for activation, limit in (("relu", np.sqrt(6 / 9)), ("tanh", np.sqrt(6 / (9 + 9 * 30)))):
        network = still.set_params(activation=activation).fit(X, y).network_
        assert np.abs(network.layer_parameters[0].weights).max() == pytest.approx(limit, rel=0.05)
        assert not network.layer_parameters[-1].bias.any()


def test_alpha_shrinks_the_weights(images):
    sizes = [
        np.abs(fast(alpha=alpha, max_iter=20).fit(*images).filters_).mean() for alpha in (0, 1, 30)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


def test_standardize(images):
    X, y = images
    model = fast().fit(X, y)
    assert model.mean_ == pytest.approx(X.mean())
    assert model.scale_ == pytest.approx(X.astype(float).std())
    moved = X * -37.5 + 1000
    other = fast().fit(-moved, y)  # any scale trains alike
    assert_allclose(other.predict_proba(-moved), model.predict_proba(X), atol=1e-3)
    raw = fast(standardize=False).fit(X, y)
    assert (raw.mean_, raw.scale_) == (0, 1)
    by_hand = ((X - model.mean_) / model.scale_).astype(np.float32)
    assert_allclose(
        fast(standardize=False).fit(by_hand, y).predict_proba(by_hand),
        model.predict_proba(X),
        atol=1e-3,
    )
    # learned once: what comes later is measured by the same
    model.partial_fit(X[:20] * 2, y[:20])
    assert model.mean_ == pytest.approx(X.mean())


def test_images_of_one_value(images):
    """Nothing to learn from, and nothing to stumble over."""
    X, y = np.full((300, 8, 8), 7.0), images[1]
    model = fast(max_iter=30).fit(X, y)
    assert len(np.unique(model.predict(X))) == 1
    assert np.isfinite(model.predict_proba(X)).all()


# --- weights --------------------------------------------------------------------------------------


def test_sample_weight_of_zero_is_absence(images):
    X, y = images
    weights = np.random.default_rng(0).integers(0, 2, 300)
    weighted = fast().fit(X, y, sample_weight=weights)
    absent = fast().fit(X[weights == 1], y[weights == 1])
    assert_allclose(weighted.predict_proba(X), absent.predict_proba(X), atol=1e-4)
    assert weighted.t_ == absent.t_ == 3 * weights.sum()


def test_sample_weight_of_integers_is_repetition(images):
    """In one batch, which is where both mean the same."""
    X, y = images
    weights = np.random.default_rng(0).integers(0, 4, 300)
    settings = {"solver": "gd", "learning_rate_init": 0.05, "max_iter": 10, "alpha": 1.0}
    weighted = fast(**settings).fit(X, y, sample_weight=weights)
    repeated = fast(**settings).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert weighted.mean_ == pytest.approx(repeated.mean_)
    assert weighted.scale_ == pytest.approx(repeated.scale_)
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-4)
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-4)
    unweighted = fast(**settings).fit(X, y)
    assert np.abs(weighted.predict_proba(X) - unweighted.predict_proba(X)).max() > 0.01


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sample_weight_on_any_scale(images, scale):
    """Without a penalty, whose strength they share out, only the weights' proportions count."""
    X, y = images
    weights = np.random.default_rng(0).uniform(0, 2, 300)
    plain = fast(alpha=0).fit(X, y, sample_weight=weights)
    scaled = fast(alpha=0).fit(X, y, sample_weight=weights * scale)
    assert_allclose(scaled.predict_proba(X), plain.predict_proba(X), atol=1e-3)


def test_class_weight(images):
    X, y = images
    settings = {"standardize": False}  # the pixels' mean is weighted by image, not by class
    by_class = fast(class_weight={0: 3.0, 4: 0.5}, **settings).fit(X, y)
    weights = np.where(y == 0, 3.0, np.where(y == 4, 0.5, 1.0))
    by_image = fast(**settings).fit(X, y, sample_weight=weights)
    assert_array_equal(by_class.network_.parameters, by_image.network_.parameters)
    both = fast(class_weight={0: 3.0, 4: 0.5}, **settings).fit(X, y, sample_weight=weights)
    squared = fast(**settings).fit(X, y, sample_weight=weights**2)
    assert_array_equal(both.network_.parameters, squared.network_.parameters)

    rare = (y != 0) | (np.arange(300) % 5 == 0)
    balanced = fast(class_weight="balanced", **settings).fit(X[rare], y[rare])
    counts = np.bincount(y[rare])
    by_hand = fast(**settings).fit(
        X[rare], y[rare], sample_weight=(rare.sum() / (10 * counts))[y[rare]]
    )
    assert_allclose(balanced.predict_proba(X), by_hand.predict_proba(X), atol=1e-5)
    plain = fast(**settings).fit(X[rare], y[rare])
    assert balanced.predict_proba(X)[y == 0, 0].mean() > plain.predict_proba(X)[y == 0, 0].mean()


# --- validation and stopping ----------------------------------------------------------------------


def test_validation_images_are_only_looked_at(digits):
    X, y = digits
    train, val = slice(0, 300), slice(300, 500)
    watched = fast(max_iter=6).fit(X[train], y[train], X_val=X[val], y_val=y[val])
    plain = fast(max_iter=6).fit(X[train], y[train])
    assert_array_equal(watched.network_.parameters, plain.network_.parameters)
    assert len(watched.validation_scores_) == 6
    assert watched.validation_scores_[-1] == watched.score(X[val], y[val])
    assert watched.best_validation_score_ == max(watched.validation_scores_)
    weights = np.random.default_rng(0).integers(0, 5, 200)
    weighted = fast(max_iter=6).fit(
        X[train], y[train], X_val=X[val], y_val=y[val], sample_weight_val=weights
    )
    assert weighted.validation_scores_[-1] == pytest.approx(
        weighted.score(X[val], y[val], sample_weight=weights)
    )


def ruined(step):
    """A rate that teaches for 50 steps, and then throws the weights about."""
    return 0.02 if step < 50 else 1.0


def test_early_stopping_restores_the_best_weights(digits):
    X, y = digits
    train, val = slice(0, 300), slice(300, 600)
    model = fast(
        max_iter=100, early_stopping=True, n_iter_no_change=8, learning_rate=ruined, shuffle=False
    ).fit(X[train], y[train], X_val=X[val], y_val=y[val])
    scores = model.validation_scores_
    best = int(np.argmax(scores))
    assert model.n_iter_ == len(scores) == best + 1 + 8
    assert model.best_validation_score_ == scores[best] > 0.75
    assert scores[-1] < scores[best] - 0.2
    assert model.score(X[val], y[val]) == scores[best]
    until_best = fast(max_iter=best + 1, learning_rate=ruined, shuffle=False)
    until_best.fit(X[train], y[train])
    assert_array_equal(model.network_.parameters, until_best.network_.parameters)


def test_early_stopping_sets_images_aside(digits):
    X, y = digits[0][:600], digits[1][:600]
    settings = {"early_stopping": True, "validation_fraction": 0.25, "max_iter": 5}
    model = fast(**settings).fit(X, y)
    assert model.t_ == 5 * 450
    assert len(model.validation_scores_) == 5
    # the scores are shares of 150 images
    shares = np.array(model.validation_scores_) * 150
    assert_allclose(shares, np.round(shares), atol=1e-9)
    again = fast(**settings).fit(X, y)
    assert_array_equal(again.network_.parameters, model.network_.parameters)


def test_stops_when_the_loss_no_longer_improves(images):
    """With a constant rate; said aloud when max_iter comes first."""
    still = fast(learning_rate="constant", learning_rate_init=1e-9, max_iter=50, n_iter_no_change=4)
    assert still.fit(*images).n_iter_ == 5
    with pytest.warns(ConvergenceWarning, match="still improved when max_iter=3 epochs were over"):
        fast(learning_rate="invscaling").fit(*images)
    # one_cycle is best at its end, and goes there
    assert still.set_params(learning_rate="one_cycle").fit(*images).n_iter_ == 50


def test_max_time(images):
    begin = time.perf_counter()
    model = fast(max_time=0.6, max_iter=1_000_000).fit(*images)
    assert 0.6 <= time.perf_counter() - begin < 0.6 + 1.0
    assert model.n_iter_ == len(model.loss_curve_) > 1
    assert model.loss_ < model.loss_curve_[0]
    # the rate came down with the clock, not with the million of epochs: the last epochs are calm
    moves = np.abs(np.diff(model.loss_curve_))
    quarter = max(1, len(moves) // 4)
    assert moves[-quarter:].mean() < moves[:quarter].mean()
    unhurried = fast(max_time=1000).fit(*images)
    assert unhurried.n_iter_ == 3


def test_interrupt_from_the_keyboard_keeps_what_was_learned(images):
    """As if all rates from then on had been zero."""
    X, y = images

    def interrupt(step):
        if step == 12:
            raise KeyboardInterrupt
        return 0.05

    settings = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "max_iter": 10}
    model = fast(learning_rate=interrupt, **settings)
    with pytest.warns(UserWarning, match="interrupted in epoch 3 of 10; what was learned"):
        model.fit(X, y)
    still = fast(learning_rate=lambda step: 0.05 if step < 12 else 0.0, **settings).fit(X, y)
    assert_array_equal(model.network_.parameters, still.network_.parameters)
    # five batches of 64 or fewer make an epoch of 300
    assert (model.n_iter_, len(model.loss_curve_), model.t_) == (2, 2, 2 * 300 + 2 * 64)
    assert model.loss_ == model.loss_curve_[-1]
    assert_array_equal(model.predict(X), still.predict(X))
    model.set_params(learning_rate="one_cycle").partial_fit(X, y)
    assert model.n_iter_ == 3


def test_interrupt_in_the_first_epoch(images):
    def interrupt(step):
        raise KeyboardInterrupt

    model = fast(learning_rate=interrupt, early_stopping=True)
    with pytest.warns(UserWarning, match="interrupted in epoch 1 of 3"):
        model.fit(*images)
    assert (model.n_iter_, model.loss_curve_, model.loss_) == (0, [], np.inf)
    assert model.predict(images[0]).shape == (300,)


def test_interrupt_restores_the_best_weights(digits):
    X, y = digits
    train, val = slice(0, 300), slice(300, 600)

    def interrupt(step):
        if step == 75:
            raise KeyboardInterrupt
        return ruined(step)

    model = fast(max_iter=100, early_stopping=True, n_iter_no_change=50, learning_rate=interrupt)
    with pytest.warns(UserWarning, match="interrupted in epoch 16 of 100"):
        model.fit(X[train], y[train], X_val=X[val], y_val=y[val])
    assert model.validation_scores_[-1] < model.best_validation_score_
    assert model.score(X[val], y[val]) == model.best_validation_score_


def test_verbose(digits, capsys):
    X, y = digits
    fast().fit(X[:300], y[:300])
    assert capsys.readouterr().out == ""
    model = fast(verbose=True).fit(X[:300], y[:300])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for number, (line, loss) in enumerate(zip(lines, model.loss_curve_, strict=True), start=1):
        assert line.startswith(f"epoch {number}/3  loss {loss:.4f}  ")
        assert line.endswith(" s")
    model = fast(
        verbose=True,
        early_stopping=True,
        learning_rate=lambda step: 0.0,
        n_iter_no_change=2,
        max_iter=10,
    ).fit(X[:300], y[:300], X_val=X[300:400], y_val=y[300:400])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert f"validation accuracy {model.validation_scores_[0]:.4f}" in lines[0]
    assert "no improvement" in lines[-1]


def test_augment_is_for_training_images_only(images):
    X, y = images
    seen = []

    def augment(batch, rng):
        assert batch.dtype == np.float32
        assert batch.shape[1:] == (8, 8, 1)
        assert 0 <= batch.min() <= batch.max() <= 16  # as they are in X
        seen.append(len(batch))
        return batch[:, ::-1]

    upside_down = fast(augment=augment).fit(X, y, X_val=X, y_val=y)
    upside_down.predict(X)
    assert sum(seen) == 3 * 300
    by_hand = fast().fit(X[:, ::-1], y)
    assert_allclose(upside_down.predict_proba(X), by_hand.predict_proba(X), atol=1e-3)
    with pytest.raises(ValueError, match=r"augment returned an array of shape \(.*, 4, 8, 1\)"):
        fast(augment=lambda batch, rng: batch[:, :4]).fit(X, y)
