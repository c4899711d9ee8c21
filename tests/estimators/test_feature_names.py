"""Feature names: tables have them, images do not. All warnings are errors here."""

import numpy as np
import pandas as pd
import pytest
from helpers.quick import fast
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from skcnn import HOGTransformer, make_hog_svc
from skcnn.displays._occlusion import _in_form_of

NAMES = [f"pixel{i}" for i in range(64)]


@pytest.fixture(scope="module")
def frame(images):
    return pd.DataFrame(images[0].reshape(-1, 64), columns=NAMES)


FORMS = {
    "(n, h, w)": lambda X: X,
    "(n, h, w, 1)": lambda X: X[..., None],
    "list": list,
    "Series": lambda X: pd.Series(list(X)),
    "nested lists": lambda X: X.tolist(),
}


@pytest.mark.parametrize("name", FORMS)
def test_image_arrays_need_no_names(images, frame, name):
    X, y = images
    form = FORMS[name](X)
    network = fast(max_iter=1).fit(frame, y, X_val=form, y_val=y)
    assert network.feature_names_in_.tolist() == NAMES
    assert_allclose(network.predict_proba(form), network.predict_proba(frame), atol=1e-5)
    network.transform(form)
    network.score(form, y)
    hog = HOGTransformer().fit(frame)
    assert_array_equal(hog.transform(form), hog.transform(frame))
    network.set_params(warm_start=True).fit(form, y)
    network.partial_fit(form, y)
    assert network.feature_names_in_.tolist() == NAMES
    assert not hasattr(network.set_params(warm_start=False).fit(form, y), "feature_names_in_")
    network.predict(frame.to_numpy())


def test_tables_are_checked_as_in_scikit_learn(images, frame):
    y = images[1]
    table = frame.to_numpy()
    with_names = fast(max_iter=1).fit(frame, y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        with_names.predict(table)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        fast(max_iter=1).fit(frame, y, X_val=table, y_val=y)
    with pytest.raises(ValueError, match="feature names should match"):
        with_names.predict(frame[NAMES[::-1]])
    without = fast(max_iter=1).fit(table, y)
    with pytest.warns(UserWarning, match="X has feature names, but ConvNetClassifier was fitted"):
        without.predict(frame)
    with pytest.raises(ValueError, match="X has 63 features, but ConvNetClassifier is expecting"):
        without.predict(table[:, :63])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        without.predict(np.full((1, 64), np.nan))


def test_a_column_of_images_has_no_pixel_names(images):
    X, y = images
    frame = pd.DataFrame({"image": list(X)})
    assert cross_val_score(make_hog_svc(), frame, y, cv=2).min() > 0.5
    hog = HOGTransformer().fit(frame)
    assert hog.n_features_in_ == 64
    assert not hasattr(hog, "feature_names_in_")
    hog.transform(frame)


@pytest.fixture
def displays():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from skcnn import displays

    yield displays
    plt.close("all")


PIPELINES = {
    "scaler": lambda: make_pipeline(StandardScaler(), fast(max_iter=1)),
    "column transformer": lambda: make_pipeline(
        make_column_transformer((MinMaxScaler(), NAMES[:32]), (StandardScaler(), NAMES[32:])),
        SVC(),
    ),
    "names passed on": lambda: make_pipeline(
        make_column_transformer(("passthrough", NAMES), verbose_feature_names_out=False).set_output(
            transform="pandas"
        ),
        fast(max_iter=1),
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_occlusion_passes_on_the_columns_of_a_frame(displays, images, frame, name):
    y = images[1]
    estimator = PIPELINES[name]().fit(frame, y)
    display = displays.OcclusionDisplay.from_estimator(estimator, frame[:1], patch_size=4)
    assert display.images.shape == (1, 8, 8, 1)
    assert display.maps.any()


def test_displays_of_the_frame_that_a_network_was_fitted_on(displays, images, frame):
    y = images[1]
    network = fast(max_iter=1).fit(frame, y)
    wrong = displays.MisclassifiedDisplay.from_estimator(network, frame[:5], y[:5])
    assert wrong.images.shape[1:] == (8, 8, 1)
    of_frame = displays.OcclusionDisplay.from_estimator(network, frame[:1])
    of_images = displays.OcclusionDisplay.from_estimator(network, images[0][:1])
    assert_array_equal(of_frame.maps, of_images.maps)


def test_displays_take_frames_of_several_dtypes_and_collections(displays, images, frame):
    X, y = images
    network = fast(max_iter=1).fit(frame, y)
    settings = {"fill": 0, "patch_size": 4}
    expected = displays.OcclusionDisplay.from_estimator(network, X[:1], **settings).maps
    mixed = frame[:1].astype({"pixel0": float, "pixel1": "int64", "pixel2": object})
    for form in (mixed, mixed.astype(object), pd.Series(list(X[:1]))):
        maps = displays.OcclusionDisplay.from_estimator(network, form, **settings).maps
        assert_allclose(maps, expected, atol=1e-6)
    display = displays.MisclassifiedDisplay.from_predictions(list(X[:5]), y[:5], y[1:6])
    assert display.images.shape[1:] == (8, 8, 1)
    words = frame[:2].astype(object).assign(pixel3="dark")
    with pytest.raises(ValueError, match=r"not numbers .*'dark'.*expected pixels only"):
        displays.OcclusionDisplay.from_estimator(network, words)


def test_frames_of_polars_keep_their_columns(images):
    """`OcclusionDisplay` passes a frame on as it received it."""

    class Frame:
        def __init__(self, rows, schema):
            self.rows, self.columns = rows, schema
            self.schema, self.shape = schema, rows.shape

    rows = images[0][:2].reshape(2, 64)
    frame = _in_form_of(Frame(rows, NAMES), rows.reshape(2, 8, 8, 1))
    assert frame.columns == NAMES
    assert_array_equal(frame.rows, rows)
