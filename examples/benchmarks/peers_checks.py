"""The rows of the table of `peers.py`: each check runs a classifier and returns a cell."""

from __future__ import annotations

import io
import pickle
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from peers_networks import EPOCHS, N_IMAGES, NotOffered, Peer, load_rows
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline


@dataclass(frozen=True)
class Cell:
    """A verdict, and how it is done."""

    verdict: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.verdict}: {self.note}" if self.note else self.verdict


def fitted(
    peer: Peer, estimator: BaseEstimator | None = None, y: np.ndarray | None = None
) -> BaseEstimator:
    """The estimator, trained on the digits with the seed 0."""
    X, digits = load_rows()
    peer.set_seed(0)
    return (estimator or peer.new()).fit(peer.images(X), digits if y is None else y)


def images_as_X(peer: Peer) -> Cell:
    X, y = load_rows()
    forms = {2: X, 3: X.reshape(-1, 8, 8), 4: peer.images(X)}
    works = {}
    for ndim, form in forms.items():
        try:
            works[ndim] = peer.new().fit(form, y).score(form, y) > 0.5
        except (ValueError, RuntimeError):  # the latter from PyTorch
            works[ndim] = False
    rows_are_images = "images as X" in peer.partly
    return yes_if(works[3] or (works[4] and (forms[4].ndim == 4 or rows_are_images)))


def text_labels(peer: Peer) -> Cell:
    X, y = load_rows()
    names = np.array(["zero", "one", "two", *"3456789"])[y]
    try:
        estimator = fitted(peer, y=names)
        return yes_if((estimator.predict(peer.images(X)) == names).mean() > 0.5)
    except (TypeError, ValueError):
        return Cell("no")


def searches(peer: Peer) -> Cell:
    """GridSearchCV clones an estimator and sets a parameter of it."""
    X, y = load_rows()
    estimator = peer.new(epochs=2)
    parameters = estimator.get_params()
    parameter = next(name for name in SEARCHED if name in parameters)
    search = GridSearchCV(estimator, {parameter: [parameters[parameter]]}, cv=2)
    search.fit(peer.images(X), y)
    if not is_classifier(estimator):
        return Cell("partly", "not seen as a classifier: folds are not stratified")
    if peer.epochs_of(search.best_estimator_) == 2:
        return Cell("yes")
    copy = clone(estimator).get_params()
    lost = [name for name, value in parameters.items() if value and copy.get(name) is None]
    return Cell("partly", f"a clone loses {' and '.join(f'`{name}`' for name in lost)}")


SEARCHED = ("n_filters", "hidden_layer_sizes", "lr", "batch_size", "model_kwargs")


def partial_fit(peer: Peer) -> Cell:
    """A second call changes the weights a little; after a restart they would be unrelated."""
    X, y = load_rows()
    X, half = peer.images(X), N_IMAGES // 2
    estimator = peer.new(epochs=1)
    if hasattr(estimator, "partial_fit"):
        peer.set_seed(0)
        estimator.partial_fit(X[:half], y[:half], classes=np.unique(y))
        first = peer.weights(estimator)
        peer.set_seed(1)
        return yes_if(continues(peer, first, estimator.partial_fit(X[half:], y[half:])))
    estimator = peer.new_warm()
    first = peer.weights(fitted(peer, estimator))
    peer.set_seed(1)
    if continues(peer, first, estimator.fit(X, y)):
        return Cell("partly", "`warm_start`")
    return Cell("no")


def continues(peer: Peer, first: np.ndarray, estimator: BaseEstimator) -> bool:
    second = peer.weights(estimator)
    return not np.array_equal(first, second) and np.corrcoef(first, second)[0, 1] > 0.8


def own_validation_set(peer: Peer) -> Cell:
    """The losses after each epoch depend on the images that were passed."""
    X, y = load_rows()
    images, third = peer.images(X), N_IMAGES // 3
    losses = []
    for part in (slice(third), slice(third, 2 * third)):
        peer.set_seed(0)
        X_train, y_train = images[2 * third :], y[2 * third :]
        losses.append(peer.fit_validated(X_train, y_train, images[part], y[part]))
    return yes_if(len(losses[0]) == EPOCHS and losses[0] != losses[1])


def callbacks(peer: Peer) -> Cell:
    X, y = load_rows()
    record: list = []
    peer.fit_with_callback(peer.images(X), y, record)
    return yes_if(len(record) == EPOCHS)


def sample_weights(peer: Peer) -> Cell:
    X, y = load_rows()
    peer.set_seed(0)
    weights = np.where(y < 5, 1.0, 0.0)
    return ignores_high_digits(peer, peer.fit_weighted(peer.images(X), y, weights))


def class_weights(peer: Peer) -> Cell:
    X, y = load_rows()
    peer.set_seed(0)
    weights = {label: 1.0 if label < 5 else 1e-6 for label in range(10)}
    return ignores_high_digits(peer, peer.fit_class_weighted(peer.images(X), y, weights))


def ignores_high_digits(peer: Peer, estimator: BaseEstimator) -> Cell:
    """Whether a network that was trained with weights of (almost) 0 for 5 to 9 predicts 0 to 4."""
    X = peer.images(load_rows()[0])
    without = (fitted(peer).predict(X) >= 5).mean()
    return yes_if(without > 0.3 and (estimator.predict(X) >= 5).mean() < 0.05)


def dropout(peer: Peer) -> Cell:
    return acts_in_training_only(peer, dropout=True)


def augmentation(peer: Peer) -> Cell:
    return acts_in_training_only(peer, augment=True)


def acts_in_training_only(peer: Peer, **changes: bool) -> Cell:
    X = peer.images(load_rows()[0])
    plain, changed = fitted(peer), fitted(peer, peer.new(**changes))
    differs = not np.allclose(peer.weights(plain), peer.weights(changed))
    return yes_if(differs and np.array_equal(outputs(changed, X), outputs(changed, X)))


def outputs(estimator: BaseEstimator, X: np.ndarray) -> np.ndarray:
    """Probabilities, from Keras' decision_function if there is no predict_proba."""
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(X)
    return estimator.decision_function(X)


def transform(peer: Peer) -> Cell:
    X, y = load_rows()
    if not hasattr(peer.new(), "transform"):
        raise NotOffered
    pipeline = make_pipeline(peer.new(), LogisticRegression(max_iter=1000))
    return yes_if(pipeline.fit(peer.images(X), y).score(peer.images(X), y) > 0.9)


def predict_proba(peer: Peer) -> Cell:
    X = peer.images(load_rows()[0])
    estimator = fitted(peer)
    sums_to_one = np.allclose(outputs(estimator, X).sum(axis=1), 1, atol=1e-5)
    if not hasattr(estimator, "predict_proba"):
        return Cell("no", "`decision_function` returns the probabilities" if sums_to_one else "")
    return yes_if(sums_to_one)


def threads(peer: Peer) -> Cell:
    return yes_if(peer.weights_with_threads(2).size > 0)


def same_results_again(peer: Peer) -> Cell:
    """Two trainings with the same seed, one with another number of threads, bit for bit."""
    one, again, two = (peer.weights_with_threads(number) for number in (1, 1, 2))
    if not np.array_equal(one, again):
        return Cell("no")
    if np.array_equal(one, two):
        return Cell("yes", "also with 2 threads instead of 1")
    return Cell("partly", "not with 2 threads instead of 1")


def onnx(peer: Peer) -> Cell:
    import onnxruntime

    X = peer.images(load_rows()[0])
    estimator = fitted(peer)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        peer.to_onnx(estimator, X, path)
        session = onnxruntime.InferenceSession(str(path))
        found = np.asarray(session.run(None, {session.get_inputs()[0].name: X})[-1])
    if not np.allclose(found.sum(axis=1), 1, atol=1e-4):  # logits
        found = np.exp(found - found.max(axis=1, keepdims=True))
        found /= found.sum(axis=1, keepdims=True)
    return yes_if(np.abs(found - outputs(estimator, X)).max() < 1e-5)


def pickles(peer: Peer) -> Cell:
    X, estimator = peer.images(load_rows()[0]), fitted(peer)
    restored = pickle.loads(pickle.dumps(estimator))
    return yes_if(np.array_equal(outputs(restored, X), outputs(estimator, X)))


def files_without_code(peer: Peer) -> Cell:
    """skops with the types that the peer publishes, or that users trust; else the peer's format."""
    import skops.io

    X, estimator = peer.images(load_rows()[0]), fitted(peer)
    try:
        data = skops.io.dumps(estimator)
        types = set(skops.io.get_untrusted_types(data=data)) - set(peer.trusted_types)
        restored = skops.io.loads(data, trusted=sorted(types | set(peer.trusted_types)))
        works = np.array_equal(outputs(restored, X), outputs(estimator, X))
    except Exception:  # skops raises errors of many types for what it cannot store
        works = False
    if works and not types:
        return Cell("yes")
    with tempfile.TemporaryDirectory() as folder:
        try:
            works_otherwise = peer.save_safely(estimator, X, Path(folder))
        except NotOffered:
            works_otherwise = works
    if not works:
        return Cell("partly" if works_otherwise else "no")
    last = [f"`{name.rpartition('.')[2]}`" for name in types]
    note = f"if you trust {last[0] if len(last) == 1 else f'{len(last)} types'}"
    return Cell("partly" if works_otherwise else "no", note)


def estimator_checks(peer: Peer) -> Cell:
    """scikit-learn's checks; those that a peer expects to fail count as failed."""
    from sklearn.utils.estimator_checks import check_estimator

    peer.set_seed(0)
    results = check_estimator(peer.checked(), on_fail=None)
    counts = Counter(result["status"] for result in results)
    return Cell(f"{counts['passed']} of {counts['passed'] + counts['failed']}")


def yes_if(works: bool) -> Cell:
    return Cell("yes" if works else "no")


ROWS: dict[str, Callable[[Peer], Cell]] = {
    "images as X": images_as_X,
    "text labels": text_labels,
    "`GridSearchCV`": searches,
    "`partial_fit`": partial_fit,
    "own validation set": own_validation_set,
    "callbacks": callbacks,
    "sample weights": sample_weights,
    "class weights": class_weights,
    "dropout": dropout,
    "augmentation": augmentation,
    "`transform`": transform,
    "`predict_proba`": predict_proba,
    "threads": threads,
    "same results again": same_results_again,
    "ONNX": onnx,
    "pickle": pickles,
    "files without code": files_without_code,
    "estimator checks passed": estimator_checks,
}


def run(row: str, peer: Peer) -> Cell:
    """The cell of a row, with the peer's note; an unexpected error is shown as such."""
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()) as nowhere:
            warnings.simplefilter("ignore")
            with redirect_stderr(nowhere):
                cell = ROWS[row](peer)
    except NotOffered as error:
        cell = Cell("no", str(error))
    except Exception as error:
        return Cell("error", f"`{type(error).__name__}: {str(error).splitlines()[:1]}`")
    row = row.strip("`")
    verdict = "partly" if cell.verdict == "yes" and row in peer.partly else cell.verdict
    return Cell(verdict, ", ".join(filter(None, (peer.how.get(row), cell.note))))
