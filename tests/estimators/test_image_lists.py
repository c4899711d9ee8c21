"""Collections of images are stacked; one image, paths and images of several sizes are errors."""

import pathlib
from collections import deque

import numpy as np
import pandas as pd
import pytest
from helpers.quick import fast, peak_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from skimage.color import gray2rgb
from skimage.transform import resize
from sklearn.model_selection import GridSearchCV

from skcnn import HOGTransformer, make_hog_svc
from skcnn._input.image_lists import as_array

COLLECTIONS = {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "Series": lambda X: pd.Series(list(X), index=range(5, 5 + len(X))),
    "object array": lambda X: pd.Series(list(X)).to_numpy(),
    "DataFrame with one column": lambda X: pd.DataFrame({"image": list(X)}),
    "nested lists": lambda X: X.tolist(),
    "Series of nested lists": lambda X: pd.Series(X.tolist()),
    "list of lists of rows": lambda X: [list(image) for image in X],
    "memoryviews": lambda X: [memoryview(image) for image in X],
    "objects": lambda X: X.astype(object),
    "Series of arrays of rows": lambda X: pd.Series([_rows(image) for image in X]),
    "Series of polars": lambda X: OneDimensional(X),
    "array interface": lambda X: Interface(X),
}


def _rows(image):
    """An object array of the rows of an image, as tables have it that are read from files."""
    rows = np.empty(len(image), dtype=object)
    rows[:] = list(image)
    return rows


class OneDimensional:
    """A collection of shape (n,) that NumPy converts to an array of images."""

    def __init__(self, images):
        self.images, self.shape = images, images.shape[:1]

    def __array__(self, dtype=None, copy=None):
        return self.images


class Interface:
    """Images that only NumPy's array interface describes."""

    def __init__(self, images):
        self.__array_interface__ = images.__array_interface__
        self.images = images


class ArrayLike:
    """Something that only NumPy can convert, such as a tensor."""

    def __init__(self, image):
        self.image = image

    def __array__(self, dtype=None, copy=None):
        return np.array(self.image, dtype=dtype)


COLLECTIONS["array-likes"] = lambda X: [ArrayLike(image) for image in X]


@pytest.fixture(scope="module")
def network(images):
    return fast(max_iter=1).fit(*images)


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize("shape", [(4, 2), (4, 2, 3), (8,)])
def test_collections_are_stacked(name, shape):
    X = np.random.default_rng(0).integers(0, 255, (5, *shape), dtype=np.uint8)
    assert_array_equal(np.asarray(as_array(COLLECTIONS[name](X))).astype(int), X)


@pytest.mark.parametrize("name", COLLECTIONS)
def test_estimators_take_collections(images, network, name):
    X, y = images
    form = COLLECTIONS[name](X)
    fitted = fast(max_iter=1).fit(form, y, X_val=form, y_val=y)
    assert fitted.n_features_in_ == 64
    assert not hasattr(fitted, "feature_names_in_")
    # Lists of Python integers have another dtype, so that other digits are rounded.
    assert_allclose(fitted.network_.parameters, network.network_.parameters, atol=1e-5)
    assert_allclose(network.predict_proba(form), network.predict_proba(X), atol=1e-5)
    few = COLLECTIONS[name](X[:3])
    assert_array_equal(HOGTransformer().fit_transform(few), HOGTransformer().transform(X[:3]))


@pytest.mark.filterwarnings("ignore:X mixes images of integers")
@given(kinds=st.lists(st.sampled_from(["u1", "i2", "f4", "f8", "?"]), min_size=1, max_size=4))
def test_dtypes_are_those_of_numpy(kinds):
    """Images of several dtypes get the one that holds all values."""
    images = [np.array([[0, 1], [1, i]], dtype=kind) for i, kind in enumerate(kinds)]
    stacked = as_array(pd.Series(images))
    assert stacked.dtype == np.result_type(*kinds)
    assert_array_equal(stacked, images)


def test_arrays_and_tables_are_not_copied(digits):
    X = digits[0]
    for form in (X, X.reshape(len(X), -1), X[..., None], pd.DataFrame(X[0]), csr_array(X[0])):
        assert as_array(form) is form


@pytest.mark.parametrize("cells", [[[1], [2]], [["a"], ["b"]]], ids=["numbers", "words"])
def test_a_column_of_numbers_or_words_is_a_table(cells):
    X = np.array(cells, dtype=object)
    assert as_array(X) is X


def test_a_collection_is_copied_once():
    X = [np.zeros((100, 100)) for _ in range(100)]
    assert peak_of(lambda: as_array(X)) < 1.1 * 8e6
    assert peak_of(lambda: as_array(pd.Series(X))) < 1.1 * 8e6


def test_searches_over_collections(images):
    X, y = images[0][:100], images[1][:100]
    for form in (list(X), pd.Series(list(X))):
        search = GridSearchCV(make_hog_svc(), {"svc__C": [1, 10]}, cv=2)
        assert search.fit(form, y).score(form, y) > 0.9


def test_pillow_images(images, network):
    Image = pytest.importorskip("PIL.Image")
    X = images[0][:3]
    pictures = [Image.fromarray(image) for image in X]
    assert_array_equal(network.predict(pictures), network.predict(X))
    with pytest.raises(ValueError, match=r"one image \(a Pillow image of 8 x 8.*Pass \[X\]"):
        network.predict(pictures[0])
    with pytest.raises(ValueError, match=r"one image .*Pass \[X\]"):
        HOGTransformer().fit(pictures[0])
    with pytest.raises(ValueError, match=r"shapes: \(8, 8\) 3 times, \(8, 8, 3\) once.*gray2rgb"):
        network.predict([*pictures, pictures[0].convert("RGB")])


@pytest.mark.parametrize("mode", ["P", "PA"])
def test_palette_images_of_pillow(images, network, mode):
    """Their pixels are indices of a palette."""
    Image = pytest.importorskip("PIL.Image")
    X = images[0][:3]
    pictures = [Image.fromarray(image) for image in X]
    pictures[1] = pictures[1].convert("P").convert(mode)
    message = (
        rf"X\[1\] is a Pillow image .* in mode '{mode}', .*image.convert\('RGB'\) for image in X"
    )
    for form in (pictures, pd.Series(pictures), tuple(pictures)):
        for use in (network.predict, HOGTransformer().fit):
            with pytest.raises(ValueError, match=message):
                use(form)
    assert as_array([picture.convert("RGB") for picture in pictures]).shape == (3, 8, 8, 3)


def test_a_mixture_of_integers_and_floats(images, network):
    X = 15 * images[0][:4]
    mixed = [*X[:3], X[3] / 255]
    message = (
        r"integers up to 240 and of floats from 0 to 0.*\(uint8 3 times, float64 once\).* / 255"
    )
    for form in (mixed, pd.Series(mixed), [image.ravel() for image in mixed]):
        with pytest.warns(UserWarning, match=message) as caught:
            network.predict(form)
        assert [warning.filename for warning in caught] == [__file__]
    network.predict([*X[:3], X[3].astype(float)])
    network.predict([*X[:3], np.zeros((8, 8))])
    network.predict([*(X[:3] / 255), (X[3] / 255).astype(np.float32)])
    network.predict([*(X[:3] / 255), X[3] > 0])


ZEROS = np.zeros((8, 8))
INVALID = [
    (
        [ZEROS, np.zeros((9, 8)), ZEROS],
        r"2 different shapes: \(8, 8\) 2 times, \(9, 8\) once; expected .* one shape\. Resize them",
    ),
    ([ZEROS, np.zeros((8, 9))], r"resize\(image, \(8, 8\), preserve_range=True\)"),
    ([np.zeros((8, i)) for i in range(1, 9)], r"8 different shapes: .*\(8, 5\) once, and 3 more;"),
    ([ZEROS, np.zeros((8, 8, 3))], r"same channels: image.*skimage.color.gray2rgb\(image\)"),
    ([ZEROS, np.zeros((8, 8, 1))], r"Reshape them: image\[\.\.\., None\]"),
    ([[1, 2, 3], [1, 2]], r"\(3,\) once, \(2,\) once; .*the same number of pixels"),
    ([ZEROS, None], r"X\[1\] is None; expected an image\. Remove it"),
    (pd.Series([ZEROS, np.nan]), r"X\[1\] is the float nan; expected an image"),
    ([ZEROS, {"image": ZEROS}], r"X\[1\] is a dict; expected an image"),
    ([csr_array(ZEROS)], r"X\[0\] is a csr_array; expected an image"),
    ([[[1, 2], [3]], [[1, 2], [3, 4]]], r"X\[0\] is a list, which NumPy cannot convert"),
    (["a.png", "b.png"], r"X\[0\] is the str 'a.png'; .* Read the image files first"),
    ([pathlib.PurePosixPath("a.png")], r"X\[0\] is the PurePosixPath 'a.png'; .* Read the"),
    (pd.Series(["a.png"]), "is the str 'a.png'"),
    (np.array(["a.png"]), "is the str_ 'a.png'"),
    ("a.png", "X is the str 'a.png'; expected an array of images.*Read the image files"),
    (pathlib.PurePosixPath("a.png"), "X is the PurePosixPath 'a.png'; .*Read the image files"),
    ([(ZEROS, 3), (ZEROS, 4)], r"X\[0\] is a tuple.*pass the images as X, the labels as y"),
    ({"a": ZEROS}, r"X is a dict; expected an array of images.*list\(X.values\(\)\)"),
    ((image for image in [ZEROS]), r"X is a generator; .*Pass list\(X\)"),
    ({1, 2}, r"X is a set; .*Pass list\(X\)"),
    (None, "X is None; expected an array of images"),
    (5, "X is the int 5; expected an array of images"),
    ([], "X is empty; expected at least one image"),
    ((), "X is empty"),
    (np.array([]), "X is empty"),
    (pd.Series([], dtype=object), "X is empty"),
    ([1.0, 2.0], "Expected 2D array, got 1D array"),
]


def test_the_remedies_for_other_shapes_keep_the_range_of_the_pixels(images, network):
    """As the messages say them."""
    X = 15 * images[0][:4]
    large = [np.kron(image, np.ones((2, 2), np.uint8)) for image in X]
    resized = [resize(image, (8, 8), preserve_range=True) for image in large]
    assert np.abs(np.stack(resized) - X).mean() < 10
    colour = [gray2rgb(image) for image in X]
    assert_array_equal(np.stack(colour), X[..., None].repeat(3, axis=-1))
    assert_array_equal(np.stack([image[..., :3].mean(axis=-1) for image in colour]), X)
    with pytest.raises(ValueError, match="2 different shapes"):
        network.predict([X[0], large[1]])
    network.predict([X[0], resized[1], colour[2][..., :3].mean(axis=-1)])


@pytest.mark.parametrize(("X", "message"), INVALID)
def test_what_cannot_be_stacked(images, network, X, message):
    for estimator in (HOGTransformer(), fast()):
        before = dict(vars(estimator))
        with pytest.raises(ValueError, match=message):
            estimator.fit(X, images[1])
        assert vars(estimator) == before
    if not hasattr(X, "__next__"):
        with pytest.raises(ValueError, match=message):
            network.predict(X)


def test_invalid_validation_images_are_named(images):
    X, y = images
    with pytest.raises(ValueError, match=r"X_val: X\[1\] is None; expected an image"):
        fast().fit(X, y, X_val=[X[0], None], y_val=y[:2])


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_one_image(images, channels):
    """An image of the fitted shape, in every form that is not a batch."""
    X, y = images
    if channels:
        X = np.repeat(X[..., None], channels, axis=3)
    network = fast(max_iter=1).fit(X, y)
    hog = HOGTransformer().fit(X)
    forms = [
        (X[0], r"pass X\[None\]"),
        (X[0].ravel(), r"pass X\[None\]"),
        (X[0].tolist(), r"pass \[X\]"),
        (pd.Series(X[0].ravel()), r"pass \[X\]"),
    ]
    for image, message in forms:
        for method in (network.predict, network.predict_proba, network.transform, hog.transform):
            with pytest.raises(ValueError, match=rf"X has the shape .* of one image.*{message}"):
                method(image)
        with pytest.raises(ValueError, match="of one image"):
            network.partial_fit(image, y[:1])
    expected = network.predict_proba(X[:1])
    assert_array_equal(network.predict_proba(X[0][None]), expected)
    assert_array_equal(network.predict_proba([X[0]]), expected)
    assert_array_equal(network.predict_proba([pd.Series(X[0].ravel())]), expected)


def test_one_image_with_other_channels(network):
    with pytest.raises(ValueError, match=r"\(8, 8, 1\) .*one image, convert it .*X\[None\]"):
        network.predict(np.zeros((8, 8, 3)))


def test_one_image_before_the_first_fit(images):
    X, y = images
    with pytest.raises(ValueError, match=r"8 images, but y has 1 labels.*pass X\[None\]"):
        fast().partial_fit(X[0], y[:1], classes=range(10))
    network = fast().partial_fit(X[0][None], y[:1], classes=range(10))
    assert network.image_shape_ == (8, 8, 1)


def test_tables_that_have_as_many_rows_as_an_image_are_no_images():
    """A batch is not mistaken for an image."""
    rows = np.random.default_rng(0).random((8, 8))
    hog = HOGTransformer(image_shape=(1, 8)).fit(rows)
    assert hog.transform(rows).shape[0] == 8
    ones = np.ones((1, 1, 1))
    assert HOGTransformer().fit(ones).transform(ones).shape == (1, 8)


OTHER_COLUMNS = {
    "DataFrame": (lambda X: pd.DataFrame({"im": list(X), "y": 1}), r"pass X\['im'\]"),
    "columns without names": (lambda X: pd.DataFrame([[1, x] for x in X]), r"pass X\[1\]"),
    "array": (lambda X: pd.DataFrame([[1, x] for x in X]).to_numpy(), r"pass X\[:, 1\]"),
    "nested lists": (lambda X: pd.DataFrame({"im": X.tolist(), "y": 1}), r"pass X\['im'\]"),
    "Pillow": (lambda X: pd.DataFrame({"im": _pictures(X), "y": 1}), r"pass X\['im'\]"),
}


def _pictures(X):
    Image = pytest.importorskip("PIL.Image")
    return [Image.fromarray(image) for image in X]


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("name", OTHER_COLUMNS)
def test_a_table_with_images_and_another_column(images, network, name):
    X, y = images
    make, message = OTHER_COLUMNS[name]
    for use in (lambda X: fast().fit(X, y), network.predict, HOGTransformer().fit):
        with pytest.raises(ValueError, match=rf"table of 2 columns, .* has images; .*{message}"):
            use(make(X))


def test_a_column_of_paths(images):
    for column in (pd.DataFrame({"path": ["a.png"] * 5}), np.array([["a.png"]] * 5)):
        with pytest.raises(
            ValueError, match=r"X\[0\] is the str_? 'a.png'; .*Read the image files"
        ):
            HOGTransformer().fit(column)
    with pytest.raises(ValueError, match="is 'cat', of type str; expected a real number"):
        HOGTransformer().fit(pd.DataFrame({"pixel": [1.0, 2.0], "label": ["cat", "dog"]}))


def test_one_image_of_another_size(network):
    for image, batch in (
        (np.zeros((28, 28)), r"X\[None\]"),
        (pd.DataFrame(np.zeros((28, 20))), r"\[X\]"),
    ):
        with pytest.raises(
            ValueError, match=rf"64 features .* resize it to \(8, 8\) and pass {batch}"
        ):
            network.predict(image)
    with pytest.raises(ValueError, match=r"64 features as input\.$"):
        network.predict(np.zeros((2, 784)))
