"""`class_weight`: how its keys are looked up, and that it trains like equal sample weights."""

import pickle
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from helpers.quick import fast
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils.class_weight import compute_sample_weight

THREE = {0: 2.0, 1: 0.25, 2: 1.0}


@pytest.fixture(scope="module")
def three(digits):
    """150 images of the digits 0, 1 and 2, the zeros rarer than the others."""
    X, y = digits[0][:800], digits[1][:800]
    chosen = np.flatnonzero((y == 1) | (y == 2) | ((y == 0) & (np.arange(800) % 3 == 0)))[:150]
    return X[chosen], y[chosen]


def small(**changes):
    return fast(n_filters=2, **changes)


def outcome(model):
    """All that a fit has learned and measured."""
    names = ("mean_", "scale_", "loss_curve_", "validation_scores_", "best_validation_score_")
    learned = {name: np.asarray(getattr(model, name), float).tolist() for name in (*names, "t_")}
    return str(learned | {"parameters": model.network_.parameters.tolist()})


@pytest.mark.parametrize("class_weight", [{0: 2.0}, {0: 0.0, 1: 3.0}, THREE, "balanced"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_equal_class_weights_and_sample_weights_train_alike(three, class_weight, early_stopping):
    """Bit for bit: weights, standardization, loss, and the accuracy of the images set aside."""
    X, y = three
    weights = compute_sample_weight(class_weight, y)
    settings = {"early_stopping": early_stopping, "max_iter": 4, "augment": "shift"}
    by_class = small(class_weight=class_weight, **settings).fit(X, y)
    by_image = small(**settings).fit(X, y, sample_weight=weights)
    assert outcome(by_class) == outcome(by_image)
    assert outcome(by_class) != outcome(small(**settings).fit(X, y))
    again = small(warm_start=True, class_weight=class_weight, **settings).fit(X, y).fit(X, y)
    once = small(warm_start=True, **settings).fit(X, y, weights).fit(X, y, weights)
    assert outcome(again) == outcome(once)


def test_class_weights_do_not_change_the_weights_of_given_validation_images(three):
    X, y = three
    model = small(class_weight={0: 10.0, 1: 0.0}).fit(X, y, X_val=X, y_val=y)
    assert model.validation_scores_[-1] == model.score(X, y)


def test_equal_weights_train_alike_in_partial_fit(three):
    X, y = three
    by_class, by_image = small(class_weight=THREE), small()
    for chunk in (slice(0, 50), slice(50, 60), slice(60, 150)):
        by_class.partial_fit(X[chunk], y[chunk], classes=[0, 1, 2])
        weights = compute_sample_weight(THREE, y)[chunk]
        by_image.partial_fit(X[chunk], y[chunk], classes=[0, 1, 2], sample_weight=weights)
    assert outcome(by_class) == outcome(by_image)


@pytest.mark.parametrize(
    ("labels", "class_weight"),
    [
        ([0, 1, 2], {np.int64(0): 2, np.uint8(1): 0.25}),
        ([0, 1, 2], {0.0: 2, True: Fraction(1, 4), 2: np.float32(1)}),
        ([0.0, 1.0, 2.0], {0: 2.0, 1: 0.25}),
        (["0", "1", "2"], {"0": 2.0, "1": 0.25}),
        (["0", "1", "2"], {np.str_("0"): 2.0, "1": 0.25}),
        (["ant", "bee", "cat"], {"ant": 2.0, "bee": 0.25, "cat": 1.0, "dog": 7.0}),
        (np.array(["ant", "bee", "cat"], dtype=object), {"ant": 2.0, "bee": 0.25}),
        (
            np.array([2, 3, 4], "datetime64[D]"),
            {np.datetime64(2, "D"): 2, np.datetime64(3, "D"): 0.25},
        ),
    ],
)
def test_keys_equal_labels_as_in_python(three, labels, class_weight):
    X, y = three
    expected = small(class_weight=THREE).fit(X, y)
    model = small(class_weight=class_weight).fit(X, np.asarray(labels)[y])
    assert outcome(model) == outcome(expected)
    assert outcome(pickle.loads(pickle.dumps(model))) == outcome(
        clone(model).fit(X, np.asarray(labels)[y])
    )


def test_bool_labels(three):
    X, y = three
    expected = small(class_weight={0: 1.0, 1: 3.0}).fit(X, y > 1)
    assert outcome(small(class_weight={True: 3.0}).fit(X, y > 1)) == outcome(expected)
    assert outcome(small(class_weight={}).fit(X, y)) == outcome(small().fit(X, y))


@pytest.mark.parametrize(
    ("labels", "class_weight", "message"),
    [
        ([0, 1, 2], {"0": 3.0}, "class_weight has the keys ['0']; expected labels among the "
         "classes [0, 1, 2]. Use the key 0 instead of '0'."),
        (["0", "1", "2"], {0: 3.0, 1: 2.0}, "class_weight has the keys [0, 1]; expected labels "
         "among the classes ['0', '1', '2']. Use the key '0' instead of 0."),
        (["0", "1", "2"], {0: 1.0, "1": 2.0, "2": 1.0}, "has the keys [0]; expected"),
        (["ant", "bee", "cat"], {"bees": 2.0}, "['ant', 'bee', 'cat']. Correct the keys"),
        ([0, 1, 2], THREE | {"0": 2.0}, "has the keys ['0']; expected"),
        ([0, 1, 2], {3: 2.0}, "class_weight has the keys [3]; expected labels among"),
        ([0, 1, 2], {(0, 1): 2.0}, "class_weight has the keys [(0, 1)]; expected labels among"),
        ([0, 1, 2], {None: 2.0}, "class_weight has the keys [None]; expected labels among"),
        ([0, 1, 2], {0: "2"}, "class_weight has the weight '2' for the class 0; expected finite"),
        ([0, 1, 2], {0: None}, "class_weight has the weight None for the class 0; expected finite"),
        ([0, 1, 2], {0: Decimal(2)}, "expected finite numbers"),
        ([0, 1, 2], {0: 10**400}, "expected finite numbers"),
        ([0, 1, 2], {0: 1, 1: 1, 2: 1, 3: -1}, "expected finite numbers, none negative"),
        ([0, 1, 2], {0: 0, 1: 0, 2: 0, 3: 1}, "zero for every class"),
    ],
)  # fmt: skip
def test_refused_class_weights(three, labels, class_weight, message):
    X, y = three
    model = small(class_weight=class_weight)
    for method in (model.fit, lambda X, y: model.partial_fit(X, y, classes=labels)):
        with pytest.raises(ValueError, match=re.escape(message)):
            method(X, np.asarray(labels)[y])
    assert set(vars(model)) == set(model.get_params())


def test_a_part_of_the_images_may_lack_a_class(three):
    """A fold, if the dict has a weight for every class; a chunk, if `classes` has it."""
    X, y = three
    y = np.where(np.arange(150) == 149, 3, y)
    every = {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}
    assert list(small(class_weight=every).fit(X[:149], y[:149]).classes_) == [0, 1, 2]
    with pytest.raises(
        ValueError, match=r"has the keys \[3\]; .* or give a weight for every class"
    ):
        small(class_weight={3: 4.0}).fit(X[:149], y[:149])
    small(class_weight={3: 4.0}).partial_fit(X[:149], y[:149], classes=range(4))
    folds = StratifiedKFold(2)
    with pytest.warns(UserWarning, match="least populated class"):
        scores = cross_val_score(small(class_weight=every), X, y, cv=folds, error_score="raise")
    assert np.isfinite(scores).all()


def test_weights_near_the_largest_float(three):
    """Neither their sums nor the products of class and sample weights overflow."""
    X, y = three
    weights = np.random.default_rng(0).choice([0.25, 0.5, 1.0], 150)
    for class_weight in (THREE, "balanced"):
        settings = {"early_stopping": True, "class_weight": class_weight}
        expected = outcome(small(**settings).fit(X, y, sample_weight=weights))
        for power in (1023, -1020):
            scaled = weights * 2.0**power
            assert outcome(small(**settings).fit(X, y, sample_weight=scaled)) == expected
    settings = {"early_stopping": True, "validation_fraction": 0.5}
    large = {label: weight * 2.0**1022 for label, weight in THREE.items()}
    for factor in (None, weights * 2.0**1023):
        model = small(class_weight=large, **settings).fit(X, y, factor)
        factor = None if factor is None else weights
        assert outcome(model) == outcome(small(class_weight=THREE, **settings).fit(X, y, factor))
    with pytest.raises(ValueError, match="is up to inf; partial_fit uses the weights"):
        small(class_weight=large).partial_fit(
            X, y, classes=[0, 1, 2], sample_weight=weights * 1e308
        )


@pytest.mark.parametrize("weight", [1e308, 5e-324])
def test_validation_weights_near_the_limits(three, weight):
    X, y = three
    some = np.where(np.arange(150) % 2 == 0, weight, 0.0)
    model = small().fit(X, y, X_val=X, y_val=y, sample_weight_val=some)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[::2], y[::2]))


def test_sums_of_weights_that_differ_by_more_than_a_float_can_hold(three):
    """The weight of a class would overflow; it is limited."""
    X, y = three
    weights = np.where(y == 0, 1e-310, 1.0)
    model = small(class_weight="balanced").fit(X, y, sample_weight=weights)
    assert np.isfinite(model.loss_curve_).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            np.ones((150, 1)),
            r"has shape \(150, 1\); expected \(150,\). Pass np.ravel\(sample_weight",
        ),
        (np.ones((150, 3)), r"has shape \(150, 3\); expected \(150,\). Pass one weight"),
        (np.ones(150, complex), "is not an array of real numbers .its dtype is complex128"),
        (["heavy"] * 150, "is not an array of real numbers"),
        ([10**400] * 150, "is not an array of real numbers .it has integers that are too large"),
        ([None, *[1.0] * 149], "contains NaN; expected finite numbers, none negative"),
        ([np.inf, *[1.0] * 149], "contains inf; expected finite numbers"),
    ],
)
@pytest.mark.parametrize("argument", ["sample_weight", "sample_weight_val"])
def test_refused_sample_weights(three, weights, message, argument):
    X, y = three
    given = {"X_val": X, "y_val": y} if argument.endswith("val") else {}
    with pytest.raises(ValueError, match=f"^{argument} {message}"):
        small().fit(X, y, **given, **{argument: weights})


def test_one_number_as_sample_weight(three):
    """As in scikit-learn, a number is the weight of every image."""
    X, y = three
    assert outcome(small().fit(X, y, sample_weight=3)) == outcome(small().fit(X, y))


def test_the_product_of_both_weights_must_not_be_zero_everywhere(images):
    X, y = images
    model = fast(class_weight={0: 0.0})
    with pytest.raises(ValueError, match="class_weight times sample_weight is zero"):
        model.fit(X, y, sample_weight=(y == 0).astype(float))
