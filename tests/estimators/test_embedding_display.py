"""`EmbeddingDisplay`: what is computed, what is drawn, and invalid input."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.linear_model import RidgeClassifier
from sklearn.manifold import TSNE
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgba  # noqa: E402

from skcnn import (  # noqa: E402
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    PatchFeatures,
    make_hog_svc,
)
from skcnn.displays import EmbeddingDisplay, _reduction  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def patches(images):
    return PatchFeatures(n_filters=8, n_patches=500, random_state=0).fit(images[0])


class Plane(BaseEstimator):
    """A reducer to the first columns, which notes that it was fitted."""

    def __init__(self, columns=2):
        self.columns = columns

    def fit_transform(self, X, y=None):
        self.shape_ = X.shape
        return X[:, : self.columns]


def offsets(display):
    """The places of all points, by label."""
    return {label: points.get_offsets().data for label, points in display.points_.items()}


def test_the_points_are_the_reduced_features(images, patches):
    X, y = images
    display = EmbeddingDisplay.from_estimator(patches, X, y, reducer=PCA(2, random_state=0))
    expected = PCA(2, random_state=0).fit_transform(patches.transform(X))
    assert_allclose(display.embedding, expected)
    assert list(display.points_) == list("0123456789")
    for label, places in offsets(display).items():
        assert_allclose(places, expected[y == int(label)])
    assert display.figure_ is display.ax_.figure
    assert display.ax_.get_title() == "300 images"


def test_the_default_is_t_sne_of_principal_components(images, patches, monkeypatch):
    class Recorded(TSNE):  # whose result would depend on rounding errors
        def fit_transform(self, X, y=None):
            calls.append((self.get_params(), X))
            return X[:, :2]

    calls = []
    monkeypatch.setattr(_reduction, "TSNE", Recorded)
    for X in images[0][:60], images[0]:
        display = EmbeddingDisplay.from_estimator(patches, X, random_state=1)
        components = PCA(50, random_state=1).fit_transform(patches.transform(X))
        settings, given = calls.pop()
        assert settings == TSNE(perplexity=min(30, (len(X) - 1) / 3), random_state=1).get_params()
        assert_allclose(given, components, atol=1e-5)
        assert_array_equal(display.embedding, given[:, :2])


@pytest.mark.parametrize("shape", [(3, 2), (5, 64), (4, 40), (100, 2)])
def test_t_sne_of_few_images_or_features(shape):
    X = np.random.default_rng(0).random(shape)
    display = EmbeddingDisplay.from_estimator(FunctionTransformer(), X, random_state=0)
    assert display.embedding.shape == (shape[0], 2)


@pytest.mark.parametrize("shape", [(2, 64), (5, 1)])
def test_too_few_images_or_features_for_t_sne(shape):
    with pytest.raises(ValueError, match=r"at least 3 images and 2 features. Pass more images"):
        EmbeddingDisplay.from_estimator(FunctionTransformer(), np.zeros(shape))


def test_a_random_subset():
    X, y = np.repeat(np.arange(300.0)[:, None], 2, axis=1), np.arange(300) % 7
    settings = {"reducer": Plane(), "max_images": 40}

    def draw(seed):
        return EmbeddingDisplay.from_estimator(
            FunctionTransformer(), X, y, random_state=seed, **settings
        )

    display = draw(0)
    chosen = display.embedding[:, 0].astype(int)
    assert len(set(chosen)) == 40
    assert chosen.max() > 40
    assert_array_equal(display.y, y[chosen])
    assert display.ax_.get_title() == "40 of 300 images"
    assert_array_equal(display.embedding, draw(0).embedding)
    assert (display.embedding != draw(1).embedding).any()


def test_the_reducer_is_not_fitted_itself(images, patches):
    reducer = Plane()
    EmbeddingDisplay.from_estimator(patches, images[0], reducer=reducer)
    assert not hasattr(reducer, "shape_")


def transformed(name, X, y):
    """An estimator by name, and the features that are expected of it."""
    small = {"n_filters": 3, "max_iter": 1, "random_state": 0}
    if name == "classifier":
        model = ConvNetClassifier(**small).fit(X, y)
        return model, model.transform(X)
    if name == "regressor":
        model = ConvNetRegressor(**small).fit(X, y)
        return model, model.transform(X)
    if name == "autoencoder":
        model = ConvAutoencoder(**small).fit(X)
        return model, model.transform(X)
    if name == "network in a pipeline":
        model = make_pipeline(FunctionTransformer(), ConvNetClassifier(**small)).fit(X, y)
        return model, model[1].transform(X)
    if name == "before a classifier":
        model = make_hog_svc().fit(X, y)
        return model, model[:-1].transform(X)
    pipeline = make_pipeline(
        PatchFeatures(n_filters=4, n_patches=100, random_state=0),
        StandardScaler().set_output(transform="pandas"),
        RidgeClassifier(),
    )
    model = GridSearchCV(pipeline, {"ridgeclassifier__alpha": [1.0]}, cv=2).fit(X, y)
    return model, model.best_estimator_[:-1].transform(X).to_numpy()


@pytest.mark.parametrize(
    "name",
    [
        "classifier",
        "regressor",
        "autoencoder",
        "network in a pipeline",
        "before a classifier",
        "search",
    ],
)
def test_estimators(images, name):
    X, y = images[0][:100], images[1][:100]
    model, features = transformed(name, X, y)
    display = EmbeddingDisplay.from_estimator(model, X, y, reducer=Plane())
    assert_allclose(display.embedding, features[:, :2])


def test_features_of_other_forms(images):
    X = images[0][:20]
    as_images = FunctionTransformer()
    display = EmbeddingDisplay.from_estimator(as_images, X, reducer=Plane())
    assert_array_equal(display.embedding, X.reshape(20, 64)[:, :2])
    sparse = FunctionTransformer(lambda X: csr_array(X.reshape(len(X), -1)))
    display = EmbeddingDisplay.from_estimator(sparse, X, reducer=TruncatedSVD(2))
    assert display.embedding.shape == (20, 2)


def test_forms_of_images(images, patches):
    X, y = images
    settings = {"reducer": Plane(), "max_images": 50, "random_state": 0}
    expected = EmbeddingDisplay.from_estimator(patches, X, y, **settings)
    for form in (list(X), pd.Series(list(X), index=range(300, 600)), X.reshape(-1, 64)):
        for labels in (y, list(y), pd.Series(y, index=range(300, 600))):
            display = EmbeddingDisplay.from_estimator(patches, form, labels, **settings)
            assert_allclose(display.embedding, expected.embedding)
            assert_array_equal(display.y, expected.y)
    frame = pd.DataFrame(X.reshape(-1, 64), columns=[f"pixel{i}" for i in range(64)])
    scaler = StandardScaler().fit(frame)  # warns if the columns have no names
    display = EmbeddingDisplay.from_estimator(scaler, frame, y, **settings)
    assert_array_equal(display.y, expected.y)


EMBEDDING = np.random.default_rng(0).normal(size=(120, 2))


def test_characters_are_their_own_markers():
    y = np.arange(120) % 3
    display = EmbeddingDisplay.from_embedding(EMBEDDING, y)
    assert list(display.points_) == ["0", "1", "2"]
    assert display.ax_.get_legend() is None
    words = EmbeddingDisplay.from_embedding(EMBEDDING, [f"class {label}" for label in y])
    assert [text.get_text() for text in words.ax_.get_legend().get_texts()] == list(words.points_)
    shapes = {points.get_paths()[0].vertices.tobytes() for points in words.points_.values()}
    assert len(shapes) == 3
    assert list(EmbeddingDisplay.from_embedding(EMBEDDING, y.astype(float)).points_) == [
        "0",
        "1",
        "2",
    ]
    many = np.tile(EMBEDDING, (20, 1))  # too many to be read
    assert EmbeddingDisplay.from_embedding(many, np.tile(y, 20)).ax_.get_legend() is not None


def test_characters_need_no_other_look():
    characters = [chr(code) for code in range(128) if chr(code).isalnum()]
    display = EmbeddingDisplay.from_embedding(EMBEDDING[:62], characters)
    assert list(display.points_) == characters
    shapes = {points.get_paths()[0].vertices.tobytes() for points in display.points_.values()}
    assert len(shapes) == 62
    # Fonts may not have all characters.
    assert (
        EmbeddingDisplay.from_embedding(EMBEDDING[:2], ["\u00e9", "a"]).ax_.get_legend() is not None
    )


def test_every_class_has_a_look_of_its_own():
    y = [f"class {i % 56:02d}" for i in range(120)]
    display = EmbeddingDisplay.from_embedding(EMBEDDING, y)
    looks = {
        (tuple(points.get_facecolor()[0]), points.get_paths()[0].vertices.tobytes())
        for points in display.points_.values()
    }
    assert len(looks) == 56


def test_of_very_many_classes_the_most_frequent_are_coloured():
    y = np.array([f"class {i % 60:02d}" for i in range(120)], dtype=object)
    y[:4] = "rare 1", "rare 2", "rare 3", "rare 4"  # of classes 0 to 3 one image is left
    display = EmbeddingDisplay.from_embedding(EMBEDDING, y)
    assert len(display.points_) == 57
    assert list(display.points_)[-1] == "8 other classes"
    others = display.points_["8 other classes"]
    assert len(others.get_offsets()) == 8
    assert_allclose(others.get_facecolor()[0][:3], to_rgba("lightgrey")[:3])
    assert sum(len(places) for places in offsets(display).values()) == 120


@pytest.mark.parametrize("y", [np.linspace(0, 1, 120), np.arange(120), np.arange(120.0)[:, None]])
def test_numbers_are_a_scale(y):
    display = EmbeddingDisplay.from_embedding(EMBEDDING, y)
    assert list(display.points_) == ["images"]
    assert_array_equal(display.points_["images"].get_array(), np.ravel(y))
    assert len(display.figure_.axes) == 2  # with a colour bar


def test_without_labels():
    display = EmbeddingDisplay(EMBEDDING).plot()
    assert_array_equal(offsets(display)["images"], EMBEDDING)
    assert display.ax_.get_legend() is None
    assert display.ax_.get_title() == "120 images"


@pytest.mark.parametrize("channels", [(), (3,)])
def test_images_are_drawn_at_their_places(channels):
    X = np.random.default_rng(0).random((120, 4, 8, *channels))
    display = EmbeddingDisplay.from_embedding(EMBEDDING, X=X)
    drawn = display.ax_.images
    assert 5 < len(drawn) < 120
    assert_allclose(drawn[0].get_array(), (X[0] - X[0].min()) / np.ptp(X[0]) if channels else X[0])
    centres = []
    for image in drawn:
        left, right, bottom, top = image.get_extent()
        assert right - left == pytest.approx(2 * (top - bottom))
        centres.append(((left + right) / 2, (bottom + top) / 2))
    assert_allclose(centres[0], EMBEDDING[0])
    side = right - left
    gaps = np.abs(np.subtract.outer(centres, centres)[:, [0, 1], :, [0, 1]]).max(axis=0)
    assert gaps[~np.eye(len(drawn), dtype=bool)].min() > side
    display.figure_.canvas.draw()
    limits = [*display.ax_.get_xlim(), *display.ax_.get_ylim()]
    low, high = EMBEDDING.min(axis=0), EMBEDDING.max(axis=0)
    assert limits[0] < low[0] < high[0] < limits[1]  # all points are visible
    assert limits[2] < low[1] < high[1] < limits[3]


def test_images_of_the_subset(images, patches):
    X = images[0]
    display = EmbeddingDisplay.from_estimator(
        patches, X.reshape(-1, 64), reducer=Plane(), show_images=True, max_images=30, random_state=0
    )
    assert display.images.shape == (30, 8, 8, 1)
    features = patches.transform(display.images[..., 0])
    assert_allclose(display.embedding, features[:, :2])
    without = EmbeddingDisplay.from_estimator(patches, X, reducer=Plane())
    assert without.images is None
    assert not without.ax_.images


def test_given_axes(images, patches):
    figure, (left, right) = plt.subplots(1, 2)
    size = figure.get_size_inches().copy()
    display = EmbeddingDisplay.from_estimator(
        patches, images[0], images[1] > 4, reducer=Plane(), ax=right
    )
    assert display.ax_ is right
    assert display.figure_ is figure
    assert_array_equal(figure.get_size_inches(), size)
    assert not left.collections
    again = display.plot()
    assert again is display
    assert again.ax_ is not right


def test_wrong_estimators(images):
    rows, y = images[0].reshape(-1, 64), images[1]
    for model in (SVC(), make_pipeline(SVC())):
        name = type(model).__name__
        with pytest.raises(
            TypeError, match=f"{name} has no transform; EmbeddingDisplay expected a"
        ):
            EmbeddingDisplay.from_estimator(model.fit(rows, y), rows, y)
    with pytest.raises(TypeError, match="TSNE has no transform"):
        EmbeddingDisplay.from_estimator(TSNE(), rows)
    with pytest.raises(TypeError, match=r"GridSearchCV has no transform; .* Call fit first"):
        EmbeddingDisplay.from_estimator(GridSearchCV(SVC(), {}), rows)


@pytest.mark.parametrize("reducer", [5, "pca", PCA, SVC()])
def test_wrong_reducers(images, patches, reducer):
    with pytest.raises(TypeError, match=r"reducer is .* with fit_transform. Pass .* PCA\(2\)"):
        EmbeddingDisplay.from_estimator(patches, images[0], reducer=reducer)


@pytest.mark.parametrize("columns", [1, 3])
def test_reducers_to_another_number_of_columns(images, patches, columns):
    message = rf"reducer PCA gives .* shape \(300, {columns}\); expected \(300, 2\), .* to 2"
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_estimator(patches, images[0], reducer=PCA(columns))


def test_features_that_are_not_finite(images):
    class Broken(TransformerMixin, BaseEstimator):
        def transform(self, X):
            return np.full((len(X), 2), np.nan)

    with pytest.raises(ValueError, match="embedding has values that are NaN or infinite; expected"):
        EmbeddingDisplay.from_estimator(Broken(), images[0], reducer=Plane())


@pytest.mark.parametrize("shape", [(5,), (5, 3), (0, 2), (5, 2, 1)])
def test_embeddings_of_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"embedding has shape .* expected \(n, 2\), .* Pass two"):
        EmbeddingDisplay(np.zeros(shape))


def test_unequal_lengths(images, patches):
    X, y = images
    with pytest.raises(ValueError, match="X has 300 images, but y has 299 labels; expected one"):
        EmbeddingDisplay.from_estimator(patches, X, y[1:], max_images=10)
    with pytest.raises(ValueError, match="embedding has 120 images, but y has 300 labels"):
        EmbeddingDisplay.from_embedding(EMBEDDING, y)
    with pytest.raises(ValueError, match="embedding has 120 rows, but there are 300 images; expec"):
        EmbeddingDisplay.from_embedding(EMBEDDING, X=X)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.eye(120), "one label for each image"),
        (np.r_[np.nan, np.zeros(119)], "contains NaN"),
        (["a", None] * 60, "contains None"),
        (3.5, "3.5.* expected an array of labels"),
    ],
)
def test_invalid_labels(y, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_embedding(EMBEDDING, y)


@pytest.mark.parametrize("value", [0, -1, 2.0, None])
def test_numbers_of_images_that_are_not_positive(images, patches, value):
    with pytest.raises(ValueError, match=rf"max_images is {value}; expected an integer of 1 or"):
        EmbeddingDisplay.from_estimator(patches, images[0], max_images=value)


def test_errors_of_floating_point_are_not_the_users(images, patches):
    with np.errstate(all="raise"):
        EmbeddingDisplay.from_estimator(patches, images[0][:30], images[1][:30], show_images=True)


def test_features_that_are_all_equal_are_an_error():
    """scikit-learn's t-SNE would end the process."""
    X = np.random.default_rng(0).random((60, 4, 4))
    constant = FunctionTransformer(lambda X: np.ones((len(X), 5)))
    with pytest.raises(ValueError, match="all 60 images are equal; t-SNE expected features that"):
        EmbeddingDisplay.from_estimator(constant.fit(X), X)
