"""`ReconstructionDisplay`: what is computed, what is drawn, and invalid input."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from sklearn.svm import SVC

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from skcnn import ConvAutoencoder, PatchFeatures  # noqa: E402
from skcnn.displays import ReconstructionDisplay  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def autoencoder(images):
    model = ConvAutoencoder(n_filters=4, code_size=8, max_iter=2, random_state=0)
    return model.fit(images[0])


@pytest.fixture(scope="module")
def rows(images):
    return images[0].reshape(-1, 64).astype(float)


def drawn(panel):
    """The picture in a panel, and the range of its grey values."""
    (image,) = panel.images
    return image.get_array(), image.get_clim()


def test_images_are_drawn_above_their_reconstructions(images, autoencoder):
    X = images[0]
    display = ReconstructionDisplay.from_estimator(autoencoder, X, max_images=3)
    expected = autoencoder.inverse_transform(autoencoder.transform(X[:3]))
    assert display.axes_.shape == (2, 3)
    assert display.figure_ is display.axes_[0, 0].figure
    for index in range(3):
        above, below = display.axes_[:, index]
        assert_array_equal(drawn(above)[0], X[index])
        assert_allclose(drawn(below)[0], expected[index], atol=1e-4)
        # One scale for all: that of the images.
        assert drawn(above)[1] == drawn(below)[1] == (X[:3].min(), X[:3].max())
        error = ((X[index] - expected[index]) ** 2).mean()
        assert display.errors[index] == pytest.approx(error)
        assert float(below.get_xlabel()) == pytest.approx(error, rel=0.01)
    labels = [panel.get_ylabel() for panel in display.axes_.flat]
    assert labels == ["input", "", "", "output\n(MSE)", "", ""]


def test_only_the_images_that_are_drawn_are_transformed(images, autoencoder, monkeypatch):
    seen = []
    transform = autoencoder.transform
    monkeypatch.setattr(autoencoder, "transform", lambda X: seen.append(len(X)) or transform(X))
    display = ReconstructionDisplay.from_estimator(autoencoder, images[0])
    assert seen == [10]
    assert len(display.images) == 10


def test_rows_of_images():
    images = np.random.default_rng(0).random((5, 4, 6))
    display = ReconstructionDisplay.from_predictions(images, images / 2, columns=2)
    assert display.axes_.shape == (6, 2)
    order = [(0, 0), (0, 1), (2, 0), (2, 1), (4, 0)]
    for index, (row, column) in enumerate(order):
        assert_array_equal(drawn(display.axes_[row, column])[0], images[index])
        assert_array_equal(drawn(display.axes_[row + 1, column])[0], images[index] / 2)
    for left_over in display.axes_[4:, 1]:
        assert not left_over.axison
        assert not left_over.images
    assert [panel.get_ylabel() for panel in display.axes_[:, 0]] == ["input", "output\n(MSE)"] * 3
    again = display.plot(max_images=2, show_errors=False)
    assert again is display
    assert again.axes_.shape == (2, 2)
    assert not again.axes_[1, 0].get_xlabel()
    many = np.random.default_rng(0).random((13, 2, 3))
    assert ReconstructionDisplay(many[..., None], many[..., None]).plot(
        max_images=13
    ).axes_.shape == (
        4,
        7,
    )


def test_colours_are_scaled_by_the_range_of_the_images():
    images = np.random.default_rng(0).integers(0, 200, (2, 5, 4, 3), dtype=np.uint8)
    images[0, 0, 0], images[0, 0, 1] = 0, 200
    display = ReconstructionDisplay.from_predictions(images, images + 50.0)
    assert_allclose(drawn(display.axes_[0, 1])[0], images[1] / 200)
    assert_allclose(drawn(display.axes_[1, 1])[0], np.minimum((images[1] + 50.0) / 200, 1))
    assert_allclose(display.errors, 2500.0)
    assert display.axes_[1, 0].get_xlabel() == "2,500"


def test_images_of_a_single_value_do_not_hide_their_reconstructions():
    black = np.zeros((1, 3, 3))
    display = ReconstructionDisplay.from_predictions(black, black + 2)
    assert drawn(display.axes_[0, 0])[1] == drawn(display.axes_[1, 0])[1] == (0, 2)


MODELS = {
    "PCA": lambda: PCA(5),
    "pipeline": lambda: make_pipeline(MinMaxScaler(), PCA(5)),
    "before a classifier": lambda: make_pipeline(PCA(5), SVC()),
    "search": lambda: GridSearchCV(make_pipeline(PCA(), SVC()), {"pca__n_components": [5]}, cv=2),
    "frozen": lambda: make_pipeline(PCA(5), SVC()),
}


@pytest.mark.parametrize("name", MODELS)
def test_transformers_pipelines_and_searches(images, rows, name):
    model = MODELS[name]().fit(rows, images[1])
    given = FrozenEstimator(model) if name == "frozen" else model
    display = ReconstructionDisplay.from_estimator(given, rows, max_images=4)
    pca = PCA(5).fit(rows)
    if name == "pipeline":
        expected = model.inverse_transform(model.transform(rows[:4]))
    else:
        expected = pca.inverse_transform(pca.transform(rows[:4]))
    assert_allclose(display.reconstructions, expected.reshape(4, 8, 8, 1), atol=1e-6)
    assert_array_equal(display.images, rows[:4].reshape(4, 8, 8, 1))


def test_an_autoencoder_in_a_search(images):
    X, y = images
    autoencoder = ConvAutoencoder(n_filters=2, max_iter=1, random_state=0)
    pipeline = make_pipeline(autoencoder, RidgeClassifier())
    search = GridSearchCV(pipeline, {"ridgeclassifier__alpha": [1.0]}, cv=2).fit(X[:100], y[:100])
    fitted = search.best_estimator_[0]
    display = ReconstructionDisplay.from_estimator(search, X, max_images=2)
    expected = fitted.inverse_transform(fitted.transform(X[:2]))
    assert_allclose(display.reconstructions[..., 0], expected, atol=1e-4)


def test_forms_of_images(images, autoencoder):
    X = images[0][:4]
    frame = pd.DataFrame(images[0].reshape(-1, 64), columns=[f"pixel{i}" for i in range(64)])
    expected = ReconstructionDisplay.from_estimator(autoencoder, X)
    for form in (list(X), pd.Series(list(X)), X.reshape(4, 64), X[..., None], X.tolist()):
        display = ReconstructionDisplay.from_estimator(autoencoder, form)
        assert_array_equal(display.images, X[..., None])
        assert_allclose(display.reconstructions, expected.reconstructions, atol=1e-4)
    pca = PCA(5).set_output(transform="pandas").fit(frame)  # warns if the columns have no names
    display = ReconstructionDisplay.from_estimator(pca, frame, max_images=4)
    assert_array_equal(display.images, X[..., None])
    display = ReconstructionDisplay.from_predictions(list(X), frame[:4].astype(object))
    assert_array_equal(display.errors, np.zeros(4))


def test_the_shape_is_that_of_the_estimator_or_the_given_one():
    X = np.random.default_rng(0).random((20, 30))
    pca = PCA(2).fit(X)
    wide = ReconstructionDisplay.from_estimator(pca, X, image_shape=(3, 10))
    assert wide.images.shape == (10, 3, 10, 1)
    autoencoder = ConvAutoencoder(image_shape=(5, 6), n_filters=2, max_iter=1, random_state=0)
    display = ReconstructionDisplay.from_estimator(autoencoder.fit(X), X)
    assert display.reconstructions.shape == (10, 5, 6, 1)
    with pytest.raises(ValueError, match=r"image_shape=\(4, 4\) means 16 pixels"):
        ReconstructionDisplay.from_estimator(pca, X, image_shape=(4, 4))


def test_given_axes(images, autoencoder):
    X = images[0][:2]
    figure, axes = plt.subplots(2, 2)
    display = ReconstructionDisplay.from_estimator(autoencoder, X, ax=axes)
    assert display.axes_.tolist() == axes.tolist()
    _, alone = plt.subplots()
    display = ReconstructionDisplay.from_estimator(autoencoder, X, ax=alone)
    assert display.axes_.shape == (2, 2)
    assert display.figure_ is alone.figure
    with pytest.raises(ValueError, match="ax has 4 axes; ReconstructionDisplay expected 6"):
        ReconstructionDisplay.from_estimator(autoencoder, images[0][:3], ax=axes)
    assert figure is not alone.figure


def test_estimators_that_cannot_reconstruct(images, rows):
    X, y = images
    with pytest.raises(TypeError, match="SVC has no transform; ReconstructionDisplay expected"):
        ReconstructionDisplay.from_estimator(SVC().fit(rows, y), rows)
    with pytest.raises(TypeError, match="Pipeline has no transform"):
        ReconstructionDisplay.from_estimator(make_pipeline(SVC()).fit(rows, y), rows)
    patches = PatchFeatures(n_filters=4, n_patches=100, random_state=0).fit(X)
    message = (
        r"has no inverse_transform, .* such as ConvAutoencoder or PCA. Pass .* from_predictions"
    )
    with pytest.raises(TypeError, match="PatchFeatures " + message):
        ReconstructionDisplay.from_estimator(patches, X)
    with pytest.raises(TypeError, match="Pipeline " + message):
        ReconstructionDisplay.from_estimator(make_pipeline(patches, PCA(2)).fit(X), X)
    with pytest.raises(NotFittedError):
        ReconstructionDisplay.from_estimator(ConvAutoencoder(), X)


def test_reconstructions_of_another_size(images):
    half = FunctionTransformer(lambda X: X[:, ::2, ::2])
    with pytest.raises(ValueError, match=r"shape \(10, 4, 4\), .* expected 64 pixels .* resizes"):
        ReconstructionDisplay.from_estimator(half.fit(images[0]), images[0])


def test_unequal_lengths_and_wrong_shapes(images):
    X = images[0]
    with pytest.raises(ValueError, match="X has 5 images, but reconstructed has 4; expected one"):
        ReconstructionDisplay.from_predictions(X[:5], X[:4])
    with pytest.raises(ValueError, match=r"reconstructed has shape \(5, 4, 8\), .* 64 pixels"):
        ReconstructionDisplay.from_predictions(X[:5], X[:5, :4])
    with pytest.raises(ValueError, match=r"\(2, 8, 8\) and .* expected \(n, height, width, chan"):
        ReconstructionDisplay(X[:2], X[:2])
    with pytest.raises(ValueError, match=r"reconstructions \(3, 8, 8, 1\); expected .* the same"):
        ReconstructionDisplay(X[:2, ..., None], X[:3, ..., None])
    with pytest.raises(ValueError, match=r"none of them 0"):
        ReconstructionDisplay.from_predictions(X[:0], X[:0])


@pytest.mark.parametrize("name", ["max_images", "columns"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True])
def test_numbers_that_are_not_positive_integers(images, name, value):
    with pytest.raises(ValueError, match=rf"{name} is {value}; expected an integer of 1 or more"):
        ReconstructionDisplay.from_predictions(images[0], images[0], **{name: value})
    with pytest.raises(ValueError, match=rf"{name} is {value}; expected"):
        ReconstructionDisplay.from_estimator(FunctionTransformer(), images[0], **{name: value})


def test_errors_of_floating_point_are_not_the_users(images, autoencoder):
    with np.errstate(all="raise"):
        ReconstructionDisplay.from_estimator(autoencoder, images[0] * np.float32(1e-30))
