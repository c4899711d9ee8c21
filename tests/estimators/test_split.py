"""The images that `early_stopping=True` sets aside: how many, and the same in warm starts."""

import pickle

import numpy as np
import pytest
from helpers.quick import fast
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils import shuffle

from skcnn._fitting.split import _draw


class Recorder:
    """An augment function that records which images of X it receives: their first pixel."""

    def __init__(self):
        self.seen = set()

    def __call__(self, images, rng):
        self.seen.update(images[:, 0, 0, 0].astype(int).tolist())
        return images

    def take(self):
        seen, self.seen = self.seen, set()
        return seen


def numbered(n=120, n_classes=6):
    """Noise images, each with its number in the first pixel, and random labels."""
    rng = np.random.default_rng(0)
    X = rng.random((n, 5, 5))
    X[:, 0, 0] = np.arange(n)
    return X, rng.permutation(np.arange(n) % n_classes)


def recording(**changes):
    recorder = Recorder()
    changes = {"early_stopping": True, "warm_start": True, "validation_fraction": 0.25} | changes
    return fast(augment=recorder, max_iter=1, **changes), recorder


SEEDS = {"int": 3, "None": None, "RandomState": np.random.RandomState(3)}


@pytest.mark.parametrize("kind", SEEDS)
def test_warm_starts_set_the_same_images_aside(kind):
    """For any random state, and after changed parameters, other weights or pickling."""
    X, y = numbered()
    model, recorder = recording(random_state=SEEDS[kind])
    model.fit(X, y)
    first = recorder.take()
    assert len(first) == 90
    model.fit(X, y)
    assert recorder.take() == first
    model.set_params(random_state=7, validation_fraction=0.5).fit(X, y)
    assert recorder.take() == first
    weights = np.where(np.arange(120) % 10 == 0, 0.0, 2.0)
    model.fit(X, y, sample_weight=weights)
    assert recorder.take() == first - set(range(0, 120, 10))
    again = pickle.loads(pickle.dumps(model)).fit(X, y)
    assert again.augment.take() == first
    assert model.set_params(warm_start=False).fit(X, y).t_ == 60  # a new fit, a new split
    assert recorder.take() != first


def test_images_that_are_added_between_warm_starts_are_split_too():
    X, y = numbered()
    model, recorder = recording(random_state=None)
    model.fit(X[:60], y[:60])
    first = recorder.take()
    held_out = set(range(60)) - first
    model.fit(X, y)
    second = recorder.take()
    assert first < second
    assert not second & held_out
    assert len(second) == 45 + 45
    model.fit(X, y)
    assert recorder.take() == second


@pytest.mark.parametrize("random_state", [0, None])
def test_the_validation_accuracy_of_random_labels_stays_near_chance(random_state):
    """The network memorizes its training images, but never sees the others."""
    rng = np.random.default_rng(0)
    X, y = rng.random((200, 8, 8)), rng.integers(0, 10, 200)
    model = fast(
        early_stopping=True,
        warm_start=True,
        validation_fraction=0.5,
        random_state=random_state,
        n_filters=16,
        learning_rate_init=0.02,
        label_smoothing=0.0,
        max_iter=25,
        n_iter_no_change=np.inf,
    )
    for _ in range(4):
        model.fit(X, y)
    assert model.loss_ < 0.5
    # 100 images: the standard deviation of the accuracy by chance is 0.03
    assert max(model.validation_scores_) < 0.25


def test_a_warning_if_validation_images_may_have_been_trained_on(images):
    X, y = images
    settings = {"warm_start": True, "max_iter": 1}
    model = fast(**settings).fit(X, y)
    before = pickle.dumps(model.set_params(early_stopping=True))
    with pytest.raises(UserWarning, match="set none aside"):  # as an error, it comes in time
        model.fit(X, y)
    assert pickle.dumps(model) == before
    with pytest.warns(UserWarning, match="an earlier fit or partial_fit set none aside") as caught:
        model.fit(X, y)
    assert caught[0].filename == __file__
    model.fit(X, y)  # the split of the last fit is kept
    model.set_params(early_stopping=False).partial_fit(X, y)
    with pytest.warns(UserWarning, match=r"set none aside.*Pass X_val and y_val"):
        model.set_params(early_stopping=True).fit(X, y)
    with pytest.warns(UserWarning, match="y differs from that of the fit before"):
        model.fit(*shuffle(X, y, random_state=0))
    with pytest.warns(UserWarning, match="y differs from that of the fit before"):
        model.fit(X[:150], y[:150])
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    model.set_params(warm_start=False).fit(X, y)


def test_many_small_classes():
    """More classes than validation images, also in the folds of a cross-validation."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(40), 8)
    X = rng.normal(size=(320, 5, 5)) + rng.normal(size=(40, 5, 5))[y]
    model = fast(early_stopping=True, max_iter=1).fit(X, y)
    assert model.t_ == 320 - 32
    scores = cross_val_score(
        fast(early_stopping=True, max_iter=2), X, y, cv=StratifiedKFold(4), error_score="raise"
    )
    assert np.isfinite(scores).all()


def test_a_class_with_a_single_image_is_trained_on(images):
    X, y = images
    y = y.copy()
    y[17] = 10
    model = fast(early_stopping=True, validation_fraction=0.9, max_iter=1).fit(X, y)
    assert model.classes_.tolist() == list(range(11))
    assert model.t_ == 30
    weights = (y != 3).astype(float)  # no image of this class counts
    assert fast(early_stopping=True, max_iter=1).fit(X, y, sample_weight=weights).t_ > 200
    one_each = [17, *(np.flatnonzero(y == label)[0] for label in range(10))]
    message = "validation_fraction=0.1 of 11 images with 11 classes and leave an image of each"
    with pytest.raises(ValueError, match=f"could not set aside {message}"):
        fast(early_stopping=True).fit(X[one_each], y[one_each])


@settings(max_examples=60)
@example(counts=[2, 2, 100], fraction=0.9, seed=0)  # train_test_split trains on neither class
@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(any),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_split_is_stratified_as_far_as_possible(counts, fraction, seed):
    """Each class gives its share to within one image and keeps one image to train on."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    usable = np.arange(0, 2 * len(labels), 2)
    all_labels = np.repeat(labels, 2)
    train, held_out = _draw(usable, all_labels, fraction, seed)
    assert_array_equal(np.sort([*train, *held_out]), usable)
    counts = np.array(counts)
    present = np.count_nonzero(counts)
    n_held_out = min(np.ceil(fraction * len(labels)), len(labels) - present)
    assert len(held_out) == n_held_out
    shares = np.bincount(all_labels[held_out], minlength=len(counts))
    assert (shares <= np.maximum(counts - 1, 0)).all()
    exact = len(held_out) * counts / counts.sum()
    if (exact <= counts - 1)[counts > 0].all():
        assert np.abs(shares - exact).max() < 1
