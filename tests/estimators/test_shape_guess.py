"""`ImageShapeWarning`: when it is issued, what it says, and that it is issued once, in time."""

import inspect
import math
import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.quick import fast, peak_of
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

import skcnn
from skcnn import HOGTransformer, ImageShapeWarning, make_hog_svc
from skcnn._input.images import resolve_image_shape
from skcnn._input.shape_guess import plausible_shapes, warn_if_unlikely
from skcnn.study.data import load_images

# Shapes of X and what the warning about them must say.
UNLIKELY = [
    ((40, 300), r"300 columns.* a single row of 300 .*\(10, 10, 3\), \(15, 20\) or \(20, 15\)"),
    ((40, 300), r"set image_shape=\(1, 300\), which confirms the shape and silences"),
    ((40, 3072), r"\(32, 32, 3\), .*CIFAR-10.* X.reshape\(-1, 3, 32, 32\).transpose\(0, 2, 3, 1\)"),
    ((40, 785), "785 is one more than 28 x 28: if a column has labels or numbers of rows, remove"),
    ((4000, 67), r"a single row of 67 pixels\. Otherwise"),  # a prime number
    ((480, 640), r"If X is one image, pass X\[None\]"),
    ((40, 1, 28, 28), r"\(n, 1, 28, 28\) was read as images of 1 x 28 pixels with 28 channels"),
    ((40, 1, 28, 28), r"1 channel and images of 28 x 28 pixels, pass X.transpose\(0, 2, 3, 1\)"),
    ((40, 3, 32, 48), r"3 channels and images of 32 x 48 .*set image_shape=\(3, 32, 48\)"),
    ((40, 4, 9, 8), r"X\.transpose"),
    ((40, 1, 20, 200), r"X\.transpose"),
    ((40, 13, 64, 64), r"13 channels and images of 64 x 64"),
    ((480, 640, 3), r"grey images of 640 x 3 .*one image with 3 channels, pass X\[None\]"),
    ((8, 32, 3), r"one image with 3 channels, pass X\[None\]"),
]
LIKELY = [
    (40, 784),  # square
    (40, 30),  # narrow
    (40, 63),
    (40, 28, 28),
    (40, 1, 28),
    (40, 28, 28, 1),
    (40, 28, 28, 3),
    (40, 3, 32, 3),
    (40, 1, 64, 4),  # one row with four channels
    (40, 1, 128, 9),  # signals with nine channels
    (40, 8, 8, 100),
    (40, 4, 4, 64),  # outputs of a pooling layer
    (40, 7, 7, 64),
    (40, 13, 13, 13),
    (4000, 20, 3),  # too many for the rows of one image
    (7, 20, 3),  # too few
    (8, 33, 3),  # too long
]


def guess(x_shape):
    warn_if_unlikely(np.broadcast_to(0.0, x_shape), resolve_image_shape(x_shape))


def guess_from_values(X):
    warn_if_unlikely(X, resolve_image_shape(X.shape))


@pytest.mark.parametrize(("x_shape", "message"), UNLIKELY)
def test_unlikely_shapes(x_shape, message):
    with pytest.warns(ImageShapeWarning, match=message):
        guess(x_shape)


@pytest.mark.parametrize("x_shape", LIKELY)
def test_likely_shapes(x_shape):
    guess(x_shape)


@pytest.fixture(scope="module")
def photo():
    """An RGB photo of 512 x 512 pixels."""
    from skimage.data import astronaut

    return astronaut()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("size", [(48, 64), (64, 48), (240, 320), (25, 27)])
def test_flat_rgb_images_that_look_like_grey_squares(photo, size, dtype):
    """3k x 4k x 3 values are (6k)^2 values."""
    height, width = size
    X = np.stack([photo[:height, i : i + width] for i in (0, 60, 120)]).reshape(3, -1)
    side = math.isqrt(height * width * 3)
    message = rf"grey image of {side} x {side} .*RGB.*\({height}, {width}, 3\).*\({side}, {side}\),"
    with pytest.warns(ImageShapeWarning, match=message):
        HOGTransformer(pixels_per_cell=32, cells_per_block=1).fit(X.astype(dtype))
    HOGTransformer(image_shape=(height, width, 3)).fit(X.astype(dtype))


@pytest.mark.parametrize("side", [18, 48, 96, 480])
def test_no_warning_about_squares(photo, digits, side):
    grey = [photo[:side, i : i + side].mean(axis=-1) for i in (0, 16, 32)]
    large_digits = [np.kron(digit, np.ones((60, 60)))[:side, :side] for digit in digits[0][:3]]
    noise = np.random.default_rng(0).integers(0, 256, (3, side, side))
    for images in (
        grey,
        large_digits,
        noise,
        np.zeros((2, side, side)),
        np.full((1, side, side), 1e308),
    ):
        guess_from_values(np.reshape(images, (len(images), -1)))
    if side % 8 == 0:
        small_digits = np.kron(digits[0][:50], np.ones((side // 8, side // 8)))
        guess_from_values(small_digits.reshape(50, -1))


def test_large_tables_are_sampled():
    X = np.broadcast_to(np.float32(1), (10_000, 480 * 480))
    assert peak_of(lambda: guess_from_values(X)) < 2e7


@given(n_pixels=st.integers(1, 20_000))
def test_plausible_shapes(n_pixels):
    shapes = plausible_shapes(n_pixels)
    assert len(set(shapes)) == len(shapes)
    for shape in shapes:
        assert math.prod(shape) == n_pixels
        assert max(shape[:2]) <= 4 * min(shape[:2])


@given(height=st.integers(4, 100), more=st.integers(1, 3))
def test_the_true_shape_is_suggested_if_the_sides_are_similar(height, more):
    """Sides that differ by one to three have no factors nearer to each other."""
    shapes = plausible_shapes(height * (height + more))
    assert {(height, height + more), (height + more, height)} <= set(shapes)


@pytest.fixture(scope="module")
def wide(digits):
    """100 digits on images of 8 x 16 pixels: as rows (100, 128), and labels."""
    X, y = digits[0][:100], digits[1][:100]
    return np.concatenate([X, X], axis=2).reshape(100, -1), y


ESTIMATORS = {
    "network": lambda **params: fast(max_iter=1, **params),
    "HOG": HOGTransformer,
    "HOG + SVC": make_hog_svc,
    "pipeline": lambda **params: make_pipeline(None, fast(max_iter=1, **params)),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_fit_warns_once_in_the_line_of_the_user(wide, name):
    X, y = wide
    line = inspect.currentframe().f_lineno + 2
    with pytest.warns(ImageShapeWarning) as caught:
        estimator = ESTIMATORS[name]().fit(X, y)
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]
    assert issubclass(ImageShapeWarning, UserWarning)

    # All warnings are errors from here on.
    getattr(estimator, "predict", getattr(estimator, "transform", None))(X)
    ESTIMATORS[name](image_shape=(8, 16)).fit(X, y)
    ESTIMATORS[name](image_shape=(1, 128)).fit(X, y)
    ESTIMATORS[name]().fit(X.reshape(100, 8, 16), y)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_channels_first(digits, name):
    X, y = digits[0][:100], digits[1][:100]
    with pytest.warns(ImageShapeWarning, match="channels"):
        ESTIMATORS[name]().fit(X[:, None], y)
    ESTIMATORS[name](image_shape=(1, 8, 8)).fit(X[:, None], y)
    corrected = X[:, None].transpose(0, 2, 3, 1)
    assert HOGTransformer().fit(corrected).image_shape_ == (8, 8, 1)


def test_channels_first_where_the_shape_is_known(digits):
    X, y = digits[0][:100], digits[1][:100]
    for use in (
        fast(image_shape=(8, 8)).fit,
        fast(max_iter=1).fit(X, y).score,
        lambda X_val, y_val: fast().fit(X, y, X_val=X_val, y_val=y_val),
    ):
        with pytest.raises(
            ValueError, match=r"channels come first: pass X.transpose\(0, 2, 3, 1\)"
        ):
            use(X[:, None], y)
    with pytest.raises(ValueError, match="Set image_shape=None"):
        fast(image_shape=(8, 8)).fit(X[:, :4], y)


def test_every_form_of_X(wide):
    X, y = wide
    for form in (pd.DataFrame(X), X.tolist(), list(X), pd.Series(list(X))):
        with pytest.warns(ImageShapeWarning, match="128 columns"):
            fast(max_iter=1).fit(form, y)
    with pytest.warns(ImageShapeWarning, match="channels"):
        HOGTransformer().fit([np.zeros((3, 16, 16))] * 5)


def test_only_the_call_that_learns_the_shape_warns(wide):
    X, y = wide
    with pytest.warns(ImageShapeWarning) as caught:
        network = fast().partial_fit(X, y, classes=np.arange(10))
    network.partial_fit(X, y)
    with pytest.warns(ImageShapeWarning) as more:
        network = fast(max_iter=1, warm_start=True).fit(X, y, X_val=X, y_val=y)
    network.fit(X, y)
    assert [len(caught), len(more)] == [1, 1]
    with pytest.warns(ImageShapeWarning):
        HOGTransformer().transform(X)  # without fit


@pytest.mark.filterwarnings("ignore::skcnn.ImageShapeWarning")
def test_what_the_warning_says_is_an_error_if_it_comes_too_late(wide):
    """A network that continues keeps the shape; an `image_shape` set meanwhile has no effect."""
    X, y = wide
    network = fast(max_iter=1, warm_start=True).fit(X, y)
    for image_shape in (1, 128), (1, 128, 1), None:
        network.set_params(image_shape=image_shape).partial_fit(X, y)
        network.fit(X, y)
    weights = network.network_.parameters.copy()
    network.set_params(image_shape=(8, 16))
    for continue_ in (network.fit, network.partial_fit):
        with pytest.raises(ValueError, match=r"\(8, 16\), but .*shape \(1, 128, 1\).*start over"):
            continue_(X, y)
    assert np.array_equal(network.network_.parameters, weights)
    assert network.set_params(warm_start=False).fit(X, y).image_shape_ == (8, 16, 1)


def test_the_fits_of_a_cross_validation_warn_alike(wide):
    X, y = wide
    with pytest.warns(ImageShapeWarning) as caught:
        cross_val_score(make_hog_svc(), X, y, cv=3)
    assert len(caught) == 3
    assert len({(w.filename, w.lineno, str(w.message)) for w in caught}) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["network", "HOG"])
def test_as_an_error_it_leaves_the_estimator_as_it_was(wide, name):
    X, y = wide
    fitted = ESTIMATORS[name]().fit(X[:, :64], y)
    for estimator in (fitted, clone(fitted)):
        before = pickle.dumps(estimator)
        with pytest.raises(ImageShapeWarning):
            estimator.fit(X, y)
        assert pickle.dumps(estimator) == before


def test_displays_warn(wide):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from skcnn.displays import MisclassifiedDisplay, OcclusionDisplay

    X, y = wide
    svc = SVC().fit(X, y)
    with pytest.warns(ImageShapeWarning, match="128 columns") as caught:
        MisclassifiedDisplay.from_estimator(svc, X[:5], y[:5])
    assert [w.filename for w in caught] == [__file__]
    # The shape that a part of the estimator was fitted with is no guess.
    hog_svc = make_hog_svc(image_shape=(8, 16)).fit(X, y)
    assert OcclusionDisplay.from_estimator(hog_svc, X[:1]).images.shape == (1, 8, 16, 1)
    channels = X[:, None, :64].reshape(100, 1, 8, 8)
    hog_svc = make_hog_svc(image_shape=(1, 8, 8)).fit(channels, y)
    MisclassifiedDisplay.from_estimator(hog_svc, channels[:5], y[:5])
    plt.close("all")


def test_a_comparison_of_own_images_warns(wide):
    """`run` has no `image_shape`, so the message says how to reshape."""
    X, y = wide
    message = r"X_train has 128 columns, .* pass X_train.reshape\(-1, 1, 128\), which confirms"
    with pytest.warns(ImageShapeWarning, match=message) as caught:
        load_images((X, y, X, y))
    assert len(caught) == 1
    assert "image_shape" not in str(caught[0].message)
    reshaped = X.reshape(-1, 1, 128)
    assert load_images((reshaped, y, reshaped, y)).image_shape == (1, 128, 1)


def test_a_comparison_confirms_every_shape():
    y = np.repeat([0, 1], 10)
    signals = np.zeros((20, 20, 3))
    with pytest.warns(ImageShapeWarning, match=r"X_train.reshape\(-1, 20, 3, 1\)"):
        load_images((signals, y, signals, y))
    signals = signals.reshape(-1, 20, 3, 1)
    load_images((signals, y, signals, y))
    channels_first = np.zeros((20, 1, 9, 9))
    with pytest.warns(ImageShapeWarning, match=r"pass X_train.transpose.*Otherwise ignore this"):
        load_images((channels_first, y, channels_first, y))


def test_it_is_public():
    assert "ImageShapeWarning" in skcnn.__all__
    assert ImageShapeWarning.__module__ == "skcnn.exceptions"
