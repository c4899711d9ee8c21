"""Functions that users pass: `augment`, `learning_rate`, `momentum`. Errors name the parameter."""

import functools
import inspect
import pickle
import threading
import traceback

import numpy as np
import pytest
from helpers.quick import fast
from numpy.testing import assert_allclose, assert_array_equal


def with_one(value):
    """An augment function that changes one pixel of float64 images to `value`."""

    def augment(images, rng):
        images = images.astype(np.float64)
        images[-1, 2, 3, 0] = value
        return images

    return augment


BAD_AUGMENT = [
    (with_one(np.nan), "augment returned NaN"),
    (with_one(np.inf), "augment returned pixels from 0 to inf"),
    (with_one(-np.inf), "augment returned pixels from -inf to"),
    (lambda images, rng: np.full(images.shape, np.inf, "f2"), "returned pixels from inf to"),
    (with_one(1e300), r"augment returned pixels from 0 to 1e\+300"),
    (lambda images, rng: images.astype(str), "augment returned an array of dtype <U"),
    (lambda images, rng: images * 1j, "augment returned an array of dtype complex"),
    (lambda images, rng: images.astype(object), "augment returned an array of dtype object"),
    (lambda images, rng: images.astype("M8[s]"), r"augment returned an array of dtype datetime64"),
    (lambda images, rng: np.ma.masked_equal(images, images[0, 0, 0, 0]), "returned masked pixels"),
    (lambda images, rng: None, "augment returned None"),
    (lambda images, rng: 3.5, r"augment returned an array of shape \(\)"),
    (lambda images, rng: "images", r"augment returned an array of shape \(\)"),
    (lambda images, rng: images[..., 0], r"augment returned an array of shape \(\d+, 8, 8\)"),
    (lambda images, rng: images[1:], r"augment returned an array of shape \(\d+, 8, 8, 1\)"),
    (lambda images, rng: (images, images), r"augment returned an array of shape \(2, "),
    (lambda images, rng: [images, 3], r"augment returned a list, which is not an array \(.*inhom"),
    (lambda images, rng: iter(images), r"augment returned an array of shape \(\)"),
]
EXPECTED = (
    r".*; expected the images that it was given, changed: shape \(\d+, 8, 8, 1\) .* Change the"
)


@pytest.mark.parametrize(("augment", "message"), BAD_AUGMENT)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_augment_must_not_return(images, augment, message, n_jobs):
    model = fast(n_jobs=n_jobs).fit(*images).set_params(augment=augment)
    before = pickle.dumps(model.network_)
    for method in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message + EXPECTED):
            method(*images)
    assert pickle.dumps(model.network_) == before
    assert model.t_ == 900


@pytest.mark.parametrize(
    "augment",
    [
        lambda images, rng: images.astype(np.float64),
        lambda images, rng: images.astype(np.float16),
        lambda images, rng: images.astype(np.longdouble),
        lambda images, rng: images.astype(">f4"),
        lambda images, rng: images.astype(np.int64),
        lambda images, rng: images.astype(np.uint8),
        lambda images, rng: images.tolist(),
        lambda images, rng: np.asfortranarray(images),
        lambda images, rng: np.broadcast_to(images, images.shape),  # read-only
        lambda images, rng, strength=1: images,
        lambda *arguments: arguments[0],
        functools.partial(lambda factor, images, rng: images * factor, 1),
    ],
)
def test_what_augment_may_return(images, augment):
    expected = fast().fit(*images).predict_proba(images[0])
    assert_allclose(
        fast(augment=augment).fit(*images).predict_proba(images[0]), expected, atol=1e-3
    )


def test_augment_may_change_the_images_in_place(images):
    X, y = images[0].astype(np.float32), images[1]
    before = X.copy()

    def double(batch, rng):
        batch *= 2
        return batch

    in_place = fast(augment=double).fit(X, y)
    assert_array_equal(X, before)
    copied = fast(augment=lambda batch, rng: 2 * batch).fit(X, y)
    assert_array_equal(in_place.network_.parameters, copied.network_.parameters)


@pytest.mark.parametrize(
    ("parameter", "function", "message"),
    [
        ("augment", lambda images: images, r"\(images\); expected a function of .* \(images, rng"),
        (
            "augment",
            lambda images, *, rng: images,
            r"\(images, \*, rng\); expected a function of the arguments",
        ),
        ("augment", lambda images, rng, strength: images, "missing a required argument: 'strength"),
        ("augment", np.sqrt, "return arrays must be of ArrayType"),  # has no signature
        ("learning_rate", lambda: 0.1, r"\(\); expected a function of the arguments \(step\)"),
        ("momentum", lambda step, progress: 0.1, "missing a required argument: 'progress'"),
    ],
)
def test_functions_with_other_arguments(images, parameter, function, message):
    """Found before the training begins."""
    model = fast(solver="sgd", **{parameter: function})
    with pytest.raises(TypeError, match=message) as caught:
        model.fit(*images)
    assert parameter in "".join(traceback.format_exception(caught.value))
    assert set(vars(model)) == set(model.get_params())


@pytest.mark.parametrize("parameter", ["learning_rate", "momentum"])
@pytest.mark.parametrize(
    "value",
    [None, "0.1", 0.1j, np.array([0.1, 0.2]), -0.1, [0.1], np.nan, np.inf, np.array(np.nan)],
)
def test_what_schedules_must_not_return(images, parameter, value):
    model = fast(solver="sgd", **{parameter: lambda step: 0.1 if step < 7 else value})
    message = f"{parameter} returned .* for step 7; expected a finite number"
    with pytest.raises(ValueError, match=message):
        model.fit(*images)
    assert set(vars(model)) == set(model.get_params())


def test_a_momentum_above_one(images):
    with pytest.raises(ValueError, match=r"momentum returned 1\.5 for step 0; .* from 0 to 1\."):
        fast(solver="sgd", momentum=lambda step: 1.5).fit(*images)


@pytest.mark.parametrize("number", [np.float32(0.25), np.float64(0.25), np.array(0.25)])
def test_schedules_may_return_numpy_numbers(images, number):
    plain = fast(learning_rate=lambda step: 0.25, momentum=lambda step: 0.25, solver="sgd")
    other = fast(learning_rate=lambda step: number, momentum=lambda step: number, solver="sgd")
    weights = [model.fit(*images).network_.parameters for model in (plain, other)]
    assert_array_equal(*weights)


@pytest.mark.parametrize("parameter", ["augment", "learning_rate", "momentum"])
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_error_in_a_function_keeps_its_traceback(images, parameter, n_jobs, method):
    """The estimator is as before, and no thread is left."""

    def faulty(*arguments):
        return {}["strength"]

    model = fast(solver="sgd", n_jobs=n_jobs).fit(*images)
    model.set_params(**{parameter: faulty})
    before, attributes = model.network_.snapshot(), vars(model).copy()
    with pytest.raises(KeyError) as caught:
        getattr(model, method)(*images)
    text = "".join(traceback.format_exception(caught.value))
    assert 'return {}["strength"]' in text
    assert f"The error comes from the function passed as {parameter}." in text
    assert vars(model) == attributes
    assert_array_equal(model.network_.snapshot(), before)
    assert not [thread for thread in threading.enumerate() if "_loop" in thread.name]


def test_an_error_in_another_thread_keeps_its_traceback(images):
    failed = threading.Event()

    def faulty(batch, rng):
        if threading.current_thread() is threading.main_thread():
            failed.wait(timeout=30)
            return batch
        failed.set()
        return {}["strength"]

    model = fast(augment=faulty, batch_size=150, n_jobs=2)  # several tiles in a mini-batch
    with pytest.raises(KeyError, match="strength") as caught:
        model.fit(*images)
    assert 'return {}["strength"]' in "".join(traceback.format_exception(caught.value))
    assert not hasattr(model, "network_")
    assert not [thread for thread in threading.enumerate() if "_loop" in thread.name]


def test_a_built_in_function_without_a_signature(images):
    """Its arguments are not checked before the call."""
    with pytest.raises(ValueError, match="signature"):
        inspect.signature(max)
    with pytest.raises(TypeError, match="not iterable") as caught:
        fast(solver="sgd", momentum=max).fit(*images)
    assert "passed as momentum" in caught.value.__notes__[0]
