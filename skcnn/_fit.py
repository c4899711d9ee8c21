"""What `fit` and `partial_fit` do: check everything, then build or go on, then train.

Contains `fit` and `outputs` (of a network for many images). Nothing of the estimator is changed
until all checks have passed.
"""

from __future__ import annotations

import copy
import itertools
import math
import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skcnn._architecture import build_layers
from skcnn._parallel import n_threads
from skcnn._validation import Problem, check_problem
from skcnn.augment import AUGMENTATIONS
from skcnn.engine.layers.basic import Flatten
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader, mean_and_scale
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.early_stopping import EpochMonitor
from skcnn.engine.training.loop import DivergedError, TrainingState, run_epochs
from skcnn.engine.training.losses import LOSSES
from skcnn.engine.training.optimizers import SCHEDULES, SGD, Adam
from skcnn.engine.training.trainer import Trainer, predict

CARRIED_ALONG = ("network_", "_state", "loss_curve_", "validation_scores_")
AUTO_BATCH = 64
AUTO_RATES = {"adam": (0.004, 0.02), "sgd": (0.05, 0.5), "gd": (0.05, 0.5)}  # ReLU, other
AUTO_IMAGES = 600_000  # images seen in all with max_iter="auto"...
AUTO_EPOCHS = (8, 100)  # ... within these numbers of epochs...
AUTO_STEPS = 300  # ... but at least so many steps


def fit(
    estimator, X, y, *, classes=None, sample_weight=None, validation=None, incremental: bool
) -> None:
    """Fit a `ConvNetClassifier`; `incremental` is `partial_fit`.

    `validation` is None or ``(X_val, y_val, sample_weight_val)``.
    """
    estimator._validate_params()
    go_on = hasattr(estimator, "network_") and (incremental or estimator.warm_start)
    work = copy.copy(estimator)  # is fitted in the estimator's stead while all may yet fail
    if go_on:
        for name in CARRIED_ALONG:
            setattr(work, name, copy.deepcopy(getattr(estimator, name)))
    _fit_copy(work, go_on, X, y, classes, sample_weight, validation, incremental)
    vars(estimator).clear()
    vars(estimator).update(vars(work))


def _fit_copy(estimator, go_on, X, y, classes, sample_weight, validation, incremental) -> None:
    problem = check_problem(
        estimator,
        X,
        y,
        classes=classes,
        sample_weight=sample_weight,
        validation=validation,
        incremental=incremental,
        go_on=go_on,
    )
    layers = _layers(estimator, problem)
    threads = n_threads(estimator.n_jobs)
    if go_on:
        _check_same_network(layers, estimator.network_)
    train, held_out = _split(estimator, problem)
    optimizer = _optimizer(estimator)
    if not go_on:
        _begin(estimator, problem, layers, train)
    if not (go_on and incremental):
        random_state = check_random_state(estimator.random_state)
        seed = random_state.randint(2**31 - 1, size=4)
        # a fit that goes on is not to see the same order, dropout and warps once more
        rng = np.random.default_rng([*seed, estimator.t_] if go_on else seed)
        if not go_on:
            estimator.network_.initialize(rng, estimator.weight_init)
        estimator._state = TrainingState.new(estimator.network_, optimizer, rng)
    elif len(estimator._state.moments) != optimizer.n_moments:  # the solver has been changed
        estimator._state = TrainingState.new(estimator.network_, optimizer, estimator._state.rng)
    with single_threaded_blas(), Threads(threads) as pool:
        _train(estimator, problem, train, held_out, optimizer, pool, incremental)


def _check_same_network(layers, network: Network) -> None:
    if tuple(layers) == network.layers:
        return
    pairs = itertools.zip_longest(layers, network.layers)
    asked, fitted = next((new, old) for new, old in pairs if new != old)
    raise ValueError(
        f"The parameters describe another network than the one that was fitted: {asked} instead "
        f"of {fitted}. It cannot be trained further; set warm_start=False or make a new estimator "
        "to begin anew."
    )


def _layers(estimator, problem: Problem):
    return build_layers(
        problem.shape,
        len(problem.classes),
        n_filters=estimator.n_filters,
        filter_size=estimator.filter_size,
        padding=estimator.padding,
        pool_size=estimator.pool_size,
        pool_regions=estimator.pool_regions,
        pooling=estimator.pooling,
        hidden_layer_sizes=estimator.hidden_layer_sizes,
        activation=estimator.activation,
        dropout=estimator.dropout,
    )


def _split(estimator, problem: Problem) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
    """Numbers of the images to train on, and of those set aside for early stopping."""
    usable = np.arange(len(problem.images))
    if problem.weights is not None:
        usable = np.flatnonzero(problem.weights)  # weight zero is as good as not there
    if not estimator.early_stopping or problem.validation is not None:
        return usable, None
    from sklearn.model_selection import train_test_split  # takes long to import

    try:
        return train_test_split(
            usable,
            test_size=estimator.validation_fraction,
            stratify=problem.labels[usable],
            random_state=estimator.random_state,
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping could not set aside validation_fraction="
            f"{estimator.validation_fraction} of {len(usable)} images, with every class in both "
            f"parts ({error}) Give more images, another validation_fraction, or X_val and y_val."
        ) from error


def _optimizer(estimator):
    if estimator.solver == "adam":
        return Adam()
    return SGD(nesterov=estimator.nesterovs_momentum)


def _begin(estimator, problem: Problem, layers, train) -> None:
    """The fitted attributes as they stand before the first step."""
    estimator.classes_ = problem.classes
    estimator.image_shape_ = problem.shape
    estimator.network_ = Network(layers, problem.shape)
    counts = np.zeros(len(problem.images))
    counts[train] = 1 if problem.sample_weight is None else problem.sample_weight[train]
    # without standardizing, too, for its check of the pixels' size
    estimator.mean_, estimator.scale_ = mean_and_scale(problem.images, counts)
    if not estimator.standardize:
        estimator.mean_, estimator.scale_ = 0.0, 1.0
    estimator.n_iter_ = estimator.t_ = 0
    estimator.loss_curve_ = []
    estimator.validation_scores_ = None
    estimator.best_validation_score_ = None


def _train(estimator, problem: Problem, train, held_out, optimizer, pool, incremental) -> None:
    network, state = estimator.network_, estimator._state
    n = len(train)
    batch_size = AUTO_BATCH if estimator.batch_size == "auto" else estimator.batch_size
    batch_size = n if estimator.solver == "gd" else min(n, batch_size)
    n_epochs = 1 if incremental else _n_epochs(estimator.max_iter, n, batch_size)

    source = ImageReader(problem.images, estimator.mean_, estimator.scale_)
    validation_score = None
    if problem.validation is not None:
        images, labels, counts = problem.validation
        validation_source, rows = ImageReader(images, estimator.mean_, estimator.scale_), None
    elif held_out is not None:
        validation_source, rows, labels = source, held_out, problem.labels[held_out]
        counts = None if problem.sample_weight is None else problem.sample_weight[held_out]
    if problem.validation is not None or held_out is not None:
        scores = estimator.validation_scores_ or []
        missing = len(estimator.loss_curve_) - len(scores)  # epochs without validation images
        estimator.validation_scores_ = scores + [math.nan] * missing

        def validation_score() -> float:
            z = outputs(network, validation_source, pool, rows)
            return float(np.average(z.argmax(axis=1) == labels, weights=counts))

    watch_loss = (
        not incremental
        and not estimator.early_stopping
        and estimator.learning_rate in ("constant", "invscaling")
    )
    monitor = EpochMonitor(
        network.parameters,
        validation_score,
        estimator.loss_curve_,
        estimator.validation_scores_,
        tol=estimator.tol,
        n_iter_no_change=estimator.n_iter_no_change,
        watch_score=estimator.early_stopping and validation_score is not None,
        watch_loss=watch_loss,
        verbose=bool(estimator.verbose),
        n_epochs=n_epochs,
    )
    if monitor.watch_score and estimator.n_iter_:  # warm_start: what was learned may be the best
        monitor.remember(validation_score())
    augment = estimator.augment
    if isinstance(augment, str):
        augment = AUGMENTATIONS[augment]
    weights = problem.weights
    if weights is not None and not incremental:  # a call of a stream does not know the others'
        weights = weights / weights[train].max()  # first, lest the mean overflow
        weights /= weights[train].mean()
    trainer = Trainer(
        network,
        LOSSES[estimator.output_activation],
        optimizer,
        state.moments,
        source,
        _targets(len(problem.classes), estimator.label_smoothing, network.dtype),
        problem.labels,
        weights,
        l2=estimator.alpha,
        batch_size=batch_size,
        seed=state.seed,
        threads=pool,
        augment=augment,
    )
    momentum = estimator.momentum if callable(estimator.momentum) else lambda _: estimator.momentum
    seen_before = state.n_seen
    try:
        run_epochs(
            trainer,
            state,
            train,
            n_epochs=n_epochs,
            batch_size=batch_size,
            shuffle=estimator.shuffle,
            rate=_rate(estimator, incremental),
            momentum=momentum,
            max_time=None if incremental else estimator.max_time,
            after_epoch=monitor.after_epoch,
        )
        if not np.isfinite(network.parameters).all():
            raise DivergedError("the weights are no longer finite")
    except KeyboardInterrupt:
        warnings.warn(
            f"Training was interrupted in epoch {monitor.epoch + 1} of {n_epochs}; "
            "what was learned so far is kept.",
            stacklevel=6,
        )
    except DivergedError as error:
        raise ValueError(
            f"Training diverged: {error}. Lower learning_rate_init (or what learning_rate "
            "returns), or check the data for extreme values."
        ) from error
    monitor.restore_best()
    estimator.n_iter_ += monitor.epoch
    estimator.t_ += state.n_seen - seen_before
    estimator.loss_ = estimator.loss_curve_[-1] if estimator.loss_curve_ else math.inf
    scores = [monitor.best] if monitor.watch_score else estimator.validation_scores_ or []
    estimator.best_validation_score_ = max(filter(math.isfinite, scores), default=None)
    patient = estimator.n_iter_no_change == np.inf
    if watch_loss and not monitor.converged and not patient and monitor.epoch == n_epochs:
        warnings.warn(
            f"max_iter={n_epochs} epochs were over before the training loss had stopped improving "
            f"by tol={estimator.tol:g} for n_iter_no_change={estimator.n_iter_no_change} epochs.",
            ConvergenceWarning,
            stacklevel=6,
        )


def _targets(n_classes: int, smoothing: float, dtype) -> NDArray:
    """Row c is what the network should say for an image of class c."""
    targets = np.full((n_classes, n_classes), smoothing / n_classes)
    np.fill_diagonal(targets, 1 - smoothing + smoothing / n_classes)
    return targets.astype(dtype)


def _n_epochs(max_iter, n_images: int, batch_size: int) -> int:
    if max_iter != "auto":
        return max_iter
    fewest, most = AUTO_EPOCHS
    epochs = min(max(AUTO_IMAGES // n_images, fewest), most)
    return max(epochs, -(-AUTO_STEPS // -(-n_images // batch_size)))


def _rate(estimator, incremental: bool):
    """``(step, progress) -> rate``."""
    setting, highest = estimator.learning_rate, estimator.learning_rate_init
    if highest == "auto":
        slow = estimator.activation != "relu"  # its gradients are several times smaller
        highest = AUTO_RATES[estimator.solver][slow]
    if callable(setting):
        return lambda step, progress: setting(step)
    if incremental and setting == "one_cycle":
        setting = "constant"
    schedule = SCHEDULES[setting]
    return lambda step, progress: highest * schedule(step, progress)


def outputs(
    network: Network, source: ImageReader, pool: Threads, rows=None, *, features: bool = False
) -> NDArray:
    """The last layer's output (n, classes) in float64, or the pooled features (n, f) in float32.

    `rows` names the images in the source; None: all.
    """
    n = len(source) if rows is None else len(rows)
    flatten = _flatten_index(network)
    width = n_features(network) if features else network.shapes[-1][0]
    result = np.empty((n, width), network.dtype if features else np.float64)

    def write(where: slice, space) -> None:
        found = space.memories[flatten].y if features else space.output
        result[where] = found[: where.stop - where.start]

    predict(network, source, pool, write, rows)
    return result


def n_features(network: Network) -> int:
    """How many pooled features an image has."""
    return network.shapes[_flatten_index(network) + 1][0]


def _flatten_index(network: Network) -> int:
    return next(i for i, layer in enumerate(network.layers) if isinstance(layer, Flatten))
