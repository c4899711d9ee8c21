"""When ConvNetClassifier stops training, which weights it keeps, and what it prints."""

import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.quick import constant_rate, fast
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skcnn._fitting import training
from skcnn._fitting.monitoring import EpochLog
from skcnn.augment import Affine
from skcnn.engine.inference import outputs
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads


def test_validation_images_do_not_affect_training(digits):
    X, y = digits
    train, val = slice(0, 300), slice(300, 500)
    watched = fast(max_iter=6).fit(X[train], y[train], X_val=X[val], y_val=y[val])
    unwatched = fast(max_iter=6).fit(X[train], y[train])
    assert_array_equal(watched.network_.parameters, unwatched.network_.parameters)
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


@pytest.mark.parametrize("output_activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("weighted", [False, True])
def test_validation_loss(digits, output_activation, weighted):
    """That of the last weights, with smoothed labels as in training, but without dropout."""
    X, y = digits
    settings = {"label_smoothing": 0.2, "dropout": 0.5, "output_activation": output_activation}
    weights = np.random.default_rng(0).uniform(0, 1e308, 200) if weighted else None
    X_val, y_val = X[300:500], y[300:500]
    model = fast(**settings).fit(
        X[:300], y[:300], X_val=X_val, y_val=y_val, sample_weight_val=weights
    )
    targets = np.where(y_val[:, None] == model.classes_, 0.8 + 0.2 / 10, 0.2 / 10)
    if output_activation == "softmax":
        losses = -np.sum(targets * model.predict_log_proba(X_val), axis=1)
    else:
        reader = ImageReader(X_val[..., None], model.mean_, model.scale_)
        with Threads(1) as threads:
            z = outputs(model.network_, reader, threads)
        losses = 0.5 * np.sum((1 / (1 + np.exp(-z)) - targets) ** 2, axis=1)
    expected = np.average(losses, weights=None if weights is None else weights / 1e308)
    assert len(model.validation_loss_curve_) == 3
    assert_allclose(model.validation_loss_curve_[-1], expected, rtol=1e-5)


def test_validation_loss_of_images_set_aside(digits):
    """With weights of classes and images; the curve goes on in a warm start."""
    X, y = digits[0][:300], digits[1][:300]
    weights = np.random.default_rng(0).uniform(0.5, 2, 300)
    class_weight = {digit: 1 + digit for digit in range(10)}
    model = fast(early_stopping=True, class_weight=class_weight, max_iter=2, warm_start=True)
    model.fit(X, y, sample_weight=weights)
    before = list(model.validation_loss_curve_)
    model.set_params(learning_rate_init=1e-12).fit(X, y, sample_weight=weights)
    assert len(model.validation_loss_curve_) == len(model.loss_curve_) == 4
    assert model.validation_loss_curve_[:2] == before
    aside = model._split.mask()
    targets = np.where(y[aside, None] == model.classes_, 0.95 + 0.05 / 10, 0.05 / 10)
    losses = -np.sum(targets * model.predict_log_proba(X[aside]), axis=1)
    expected = np.average(losses, weights=(weights * (1 + y))[aside])
    assert_allclose(model.validation_loss_curve_[-1], expected, rtol=1e-5)


def diverging_rate(step):
    """A learning rate that is suitable for 50 steps and then so high that training diverges."""
    return 0.02 if step < 50 else 1.0


def test_early_stopping_restores_the_best_weights(digits):
    X, y = digits
    train, val = slice(0, 300), slice(300, 600)
    model = fast(
        max_iter=100,
        early_stopping=True,
        n_iter_no_change=8,
        learning_rate=diverging_rate,
        shuffle=False,
    ).fit(X[train], y[train], X_val=X[val], y_val=y[val])
    scores = model.validation_scores_
    best = int(np.argmax(scores))
    assert model.n_iter_ == len(scores) == best + 1 + 8
    assert model.best_validation_score_ == scores[best] > 0.75
    assert scores[-1] < scores[best] - 0.2
    assert model.score(X[val], y[val]) == scores[best]
    until_best = fast(max_iter=best + 1, learning_rate=diverging_rate, shuffle=False)
    until_best.fit(X[train], y[train])
    assert_array_equal(model.network_.parameters, until_best.network_.parameters)


def test_a_warm_start_keeps_the_earlier_weights_if_they_are_the_best(digits):
    """The second fit only makes the weights worse."""
    X, y = digits
    train, val = slice(0, 300), slice(300, 600)
    model = fast(max_iter=10, learning_rate_init=0.02, early_stopping=True, warm_start=True)
    model.fit(X[train], y[train], X_val=X[val], y_val=y[val])
    before, best = model.network_.parameters.copy(), model.best_validation_score_
    assert best == model.score(X[val], y[val]) > 0.75
    model.set_params(learning_rate=lambda step: 1.0, max_iter=3)
    model.fit(X[train], y[train], X_val=X[val], y_val=y[val])
    assert len(model.validation_scores_) == 13
    assert max(model.validation_scores_[10:]) < best
    assert_array_equal(model.network_.parameters, before)
    assert model.best_validation_score_ == best


def test_early_stopping_sets_images_aside(digits):
    X, y = digits[0][:600], digits[1][:600]
    settings = {"early_stopping": True, "validation_fraction": 0.25, "max_iter": 5}
    model = fast(**settings).fit(X, y)
    assert model.t_ == 5 * 450
    assert len(model.validation_scores_) == 5
    # each score is a fraction of 150 images
    n_correct = np.array(model.validation_scores_) * 150
    assert_allclose(n_correct, np.round(n_correct), atol=1e-9)
    again = fast(**settings).fit(X, y)
    assert_array_equal(again.network_.parameters, model.network_.parameters)


def test_stops_when_the_loss_no_longer_improves(images):
    """With a constant rate; if max_iter comes first, a warning names the caller's line."""
    model = fast(learning_rate="constant", learning_rate_init=1e-9, max_iter=50, n_iter_no_change=4)
    assert model.fit(*images).n_iter_ == 5
    message = "max_iter=3 epochs were done before the training loss stopped improving"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        fast(learning_rate="invscaling").fit(*images)
    assert caught[0].filename == __file__
    # one_cycle improves most at its end and is not stopped before
    model.set_params(learning_rate="one_cycle", learning_rate_init=0.002, tol=1.0)
    assert model.fit(*images).n_iter_ == 50


@pytest.mark.parametrize("max_iter", [1, 50])
def test_max_time_ends_training_without_a_convergence_warning(images, max_iter):
    """Also within the last epoch. Warnings are errors here."""
    settings = {"learning_rate": "constant", "max_iter": max_iter, "n_iter_no_change": 100}
    model = fast(max_time=1e-9, **settings).fit(*images)
    assert model.n_iter_ == 1
    assert model.t_ == 64
    with pytest.warns(ConvergenceWarning, match=f"max_iter={max_iter} epochs"):
        fast(**settings).fit(*images)


def test_an_error_from_the_convergence_warning_leaves_a_fitted_estimator(images):
    X, y = images
    model = fast(learning_rate="constant")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning, match="max_iter=3 epochs"):
            model.fit(X, y)
    check_is_fitted(model)
    same = fast(learning_rate=constant_rate).fit(X, y)
    assert_array_equal(model.predict_proba(X), same.predict_proba(X))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_weights_that_become_infinite_in_the_last_step_are_an_error(images, solver):
    """The rate is more than float32 holds. The loss of the last step is still finite."""
    message = r"Training diverged: the weights reached inf in step \d+. Lower learning_rate_init"
    model = fast(solver=solver, learning_rate=lambda step: 1e300 if step == 14 else 0.01)
    with pytest.raises(ValueError, match=message):
        model.fit(*images)
    assert not hasattr(model, "network_")
    fitted = fast(solver=solver, learning_rate=lambda step: 0.01).fit(*images)
    before = fitted.network_.parameters.copy()
    fitted.set_params(learning_rate=lambda step: 1e300)
    with pytest.raises(ValueError, match=message):
        fitted.partial_fit(images[0][:64], images[1][:64])  # a single step
    assert_array_equal(fitted.network_.parameters, before)
    assert fitted.t_ == 900


def test_max_time(images):
    start = time.perf_counter()
    model = fast(max_time=0.6, max_iter=1_000_000).fit(*images)
    assert 0.6 <= time.perf_counter() - start < 0.6 + 10
    assert model.n_iter_ == len(model.loss_curve_) > 1
    assert model.loss_ < model.loss_curve_[0]
    # the rate followed the clock, not the million of epochs: the last epochs change little
    changes = np.abs(np.diff(model.loss_curve_))
    quarter = max(1, len(changes) // 4)
    assert changes[-quarter:].mean() < changes[:quarter].mean()
    in_time = fast(max_time=1000).fit(*images)
    assert in_time.n_iter_ == 3


def test_ctrl_c_keeps_the_weights_learned_so_far(images):
    """They are the weights of a fit whose learning rate is 0 from the interruption on."""
    X, y = images

    def interrupt(step):
        if step == 12:
            raise KeyboardInterrupt
        return 0.05

    settings = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "max_iter": 10}
    model = fast(learning_rate=interrupt, **settings)
    message = "interrupted in epoch 3 of 10; the weights learned so far are kept"
    with pytest.warns(UserWarning, match=message) as caught:
        model.fit(X, y)
    assert caught[0].filename == __file__
    halted = fast(learning_rate=lambda step: 0.05 if step < 12 else 0.0, **settings).fit(X, y)
    assert_array_equal(model.network_.parameters, halted.network_.parameters)
    # an epoch of 300 images has five mini-batches of up to 64
    assert (model.n_iter_, len(model.loss_curve_), model.t_) == (2, 2, 2 * 300 + 2 * 64)
    assert model.loss_ == model.loss_curve_[-1]
    assert_array_equal(model.predict(X), halted.predict(X))
    model.set_params(learning_rate="one_cycle").partial_fit(X, y)
    assert model.n_iter_ == 3


def test_interrupt_in_the_first_epoch(images):
    def interrupt(step):
        raise KeyboardInterrupt

    model = fast(learning_rate=interrupt, early_stopping=True)
    with pytest.warns(UserWarning, match="interrupted in epoch 1 of 3"):
        model.fit(*images)
    assert (model.n_iter_, model.loss_curve_, model.loss_) == (0, [], np.inf)
    assert model.best_validation_score_ is None
    assert model.predict(images[0]).shape == (300,)


@pytest.mark.parametrize("when", ["before", "after"])
def test_interrupt_in_the_validation(images, monkeypatch, when):
    """An epoch counts once all of it has been measured."""
    X, y = images
    measure, calls = EpochLog._watched, []

    def interrupted(log, measured, loss):
        calls.append(measured)
        if when == "after" and len(calls) == 2:
            raise KeyboardInterrupt
        return measure(log, measured, loss)

    def interrupted_before(problem, *arguments):
        validation = make_validation(problem, *arguments)
        real = validation.measure

        def measured(*arguments):
            calls.append(arguments)
            if when == "before" and len(calls) == 2:
                raise KeyboardInterrupt
            return real(*arguments)

        return SimpleNamespace(measure=measured)

    if when == "after":
        monkeypatch.setattr(EpochLog, "_watched", interrupted)
    else:
        make_validation = training.validation_of
        monkeypatch.setattr(training, "validation_of", interrupted_before)
    model = fast(early_stopping=True)
    epoch = 2 if when == "before" else 3
    with pytest.warns(UserWarning, match=f"interrupted in epoch {epoch} of 3"):
        model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    lengths = {len(model.loss_curve_), len(model.validation_scores_)}
    assert lengths | {len(model.validation_loss_curve_)} == {model.n_iter_} == {epoch - 1}
    assert model.loss_ == model.loss_curve_[-1]
    assert model.score(X[200:], y[200:]) == model.best_validation_score_


def test_interrupt_restores_the_best_weights(digits):
    X, y = digits
    train, val = slice(0, 300), slice(300, 600)

    def interrupt(step):
        if step == 75:
            raise KeyboardInterrupt
        return diverging_rate(step)

    model = fast(max_iter=100, early_stopping=True, n_iter_no_change=50, learning_rate=interrupt)
    with pytest.warns(UserWarning, match="interrupted in epoch 16 of 100"):
        model.fit(X[train], y[train], X_val=X[val], y_val=y[val])
    assert model.validation_scores_[-1] < model.best_validation_score_
    assert model.score(X[val], y[val]) == model.best_validation_score_


def test_verbose_prints_a_line_for_each_epoch(digits, capsys):
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


def test_augment_applies_to_training_images_only(images):
    X, y = images
    seen = []

    def augment(batch, rng):
        assert batch.dtype == np.float32
        assert batch.shape[1:] == (8, 8, 1)
        assert 0 <= batch.min() <= batch.max() <= 16  # the pixel values of X
        seen.append(len(batch))
        return batch[:, ::-1]

    flipped = fast(augment=augment).fit(X, y, X_val=X, y_val=y)
    flipped.predict(X)
    assert sum(seen) == 3 * 300
    by_hand = fast().fit(X[:, ::-1], y)
    assert_allclose(flipped.predict_proba(X), by_hand.predict_proba(X), atol=1e-3)
    with pytest.raises(ValueError, match=r"the class Affine; expected an instance"):
        fast(augment=Affine).fit(X, y)
    with pytest.raises(ValueError, match=r"augment returned an array of shape \(.*, 4, 8, 1\)"):
        fast(augment=lambda batch, rng: batch[:, :4]).fit(X, y)
