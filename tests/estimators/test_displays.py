"""`skcnn.displays`: what they compute, what they draw, and invalid input."""

import builtins
import sys

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from skcnn import ConvNetClassifier  # noqa: E402
from skcnn.displays import (  # noqa: E402
    EmbeddingDisplay,
    FilterDisplay,
    LossCurveDisplay,
    MisclassifiedDisplay,
    OcclusionDisplay,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def network(digits):
    X, y = digits
    net = ConvNetClassifier(n_filters=5, hidden_layer_sizes=(), max_iter=3, random_state=0)
    return net.fit(X[:400], y[:400], X_val=X[400:500], y_val=y[400:500])


class BrightPixel:
    """Classifier whose probability of "bright" is the brightness of one pixel."""

    classes_ = np.array(["dark", "bright"])

    def __init__(self, row, column):
        self.row, self.column = row, column

    def predict_proba(self, X):
        bright = np.asarray(X, dtype=float)[:, self.row, self.column] / 16
        return np.column_stack([1 - bright, bright])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_filters_are_those_of_the_first_layer(network):
    display = FilterDisplay.from_estimator(network)
    np.testing.assert_array_equal(display.filters, network.filters_)
    assert display.ax_.get_title() == "5 filters, 3 x 3 pixels"
    assert display.figure_ is display.ax_.figure


def test_filters_are_drawn_in_reading_order():
    weights = np.arange(1.0, 7.0).reshape(6, 1, 1, 1) * np.ones((1, 2, 2, 1))
    display = FilterDisplay(weights).plot(columns=3)
    picture = np.ma.filled(display.im_.get_array(), np.nan)
    rows = [[v for v in dict.fromkeys(row) if v == v] for row in picture.tolist()]
    rows = [row for row in rows if row]  # without the lines between tiles
    assert rows[0] == [1, 2, 3]
    assert rows[-1] == [4, 5, 6]
    assert display.im_.get_clim() == (-6.0, 6.0)  # zero is white


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_filters_of_any_number_of_channels(channels):
    weights = np.random.default_rng(0).normal(size=(7, 5, 3, channels))
    display = FilterDisplay(weights).plot(max_filters=4)
    assert display.ax_.get_title().startswith("4 of 7 filters, 5 x 3 pixels")
    assert (display.im_.get_array().ndim == 3) == (channels == 3)


def test_filters_are_found_in_pipelines_and_searches(digits):
    X, y = digits
    net = ConvNetClassifier(n_filters=4, hidden_layer_sizes=(), max_iter=1, random_state=0)
    pipeline = make_pipeline(FunctionTransformer(), net, SVC())
    search = GridSearchCV(pipeline, {"svc__C": [1.0]}, cv=2).fit(X[:100], y[:100])
    fitted = search.best_estimator_[1]
    display = FilterDisplay.from_estimator(search)
    np.testing.assert_array_equal(display.filters, fitted.filters_)


def test_filters_need_a_fitted_network():
    with pytest.raises(AttributeError, match="fitted ConvNetClassifier"):
        FilterDisplay.from_estimator(ConvNetClassifier())
    with pytest.raises(AttributeError, match="SVC has no attribute 'filters_'"):
        FilterDisplay.from_estimator(SVC())


@pytest.mark.parametrize("shape", [(3, 3), (0, 3, 3, 1), (4, 3, 3)])
def test_filters_of_invalid_shape(shape):
    with pytest.raises(ValueError, match="expected"):
        FilterDisplay(np.zeros(shape))


def test_loss_curve_shows_loss_and_validation_error(network):
    display = LossCurveDisplay.from_estimator(network)
    loss, error = display.lines_["training loss"], display.lines_["validation error"]
    np.testing.assert_allclose(loss.get_ydata(), network.loss_curve_)
    validation_loss = display.lines_["validation loss"].get_ydata()
    np.testing.assert_allclose(validation_loss, network.validation_loss_curve_)
    np.testing.assert_allclose(error.get_ydata(), 100 * (1 - np.array(network.validation_scores_)))
    np.testing.assert_array_equal(loss.get_xdata(), [1, 2, 3])
    assert len(display.axes_) == 2
    assert all(ax.get_xlabel() and ax.get_ylabel() and ax.get_legend() for ax in display.axes_)


def test_loss_curve_without_validation_is_one_panel():
    display = LossCurveDisplay([1.0, 0.5], validation_scores=[]).plot()
    assert list(display.lines_) == ["training loss"]
    assert len(display.axes_) == 1
    assert display.axes_[0].get_yscale() == "log"


def test_loss_curve_with_a_loss_of_zero_has_a_linear_axis():
    assert LossCurveDisplay([1.0, 0.0]).plot().axes_[0].get_yscale() == "linear"


def test_loss_curve_needs_an_epoch():
    with pytest.raises(ValueError, match="at least one epoch"):
        LossCurveDisplay([])


def test_displays_draw_into_the_given_axes(network):
    figure, axes = plt.subplots(1, 3)
    assert FilterDisplay.from_estimator(network, ax=axes[0]).ax_ is axes[0]
    display = LossCurveDisplay.from_estimator(network, ax=axes[1:])
    assert list(display.axes_) == list(axes[1:])
    assert display.figure_ is figure
    _, alone = plt.subplots()
    divided = LossCurveDisplay.from_estimator(network, ax=alone)
    assert len(divided.axes_) == 2
    assert divided.figure_ is alone.figure


def test_unsuitable_axes(network):
    _, axes = plt.subplots(1, 3)
    with pytest.raises(ValueError, match="ax has 3 axes; LossCurveDisplay expected 2"):
        LossCurveDisplay.from_estimator(network, ax=axes)
    loose = plt.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match="not part of a grid"):
        LossCurveDisplay.from_estimator(network, ax=loose)


def test_misclassified_images_are_sorted_by_confidence(digits, network):
    X, y = digits
    display = MisclassifiedDisplay.from_estimator(network, X[500:], y[500:], max_images=6)
    predicted = network.predict(X[500:])
    probability = network.predict_proba(X[500:]).max(axis=1)
    wrong = np.flatnonzero(predicted != y[500:])
    order = wrong[np.argsort(-probability[wrong], kind="stable")]
    np.testing.assert_array_equal(display.images[..., 0], X[500:][order])
    np.testing.assert_array_equal(display.y_true, y[500:][order])
    np.testing.assert_array_equal(display.y_pred, predicted[order])
    titles = [ax.get_title() for ax in display.axes_.flat]
    assert len([title for title in titles if title]) == 6
    first = order[0]
    assert titles[0] == (
        f"true {y[500:][first]}\npredicted {predicted[first]} ({probability[first]:.2f})"
    )


def test_misclassified_without_mistakes_and_in_colour():
    images = np.random.default_rng(0).integers(0, 255, (3, 6, 5, 3), dtype=np.uint8)
    display = MisclassifiedDisplay.from_predictions(images, ["a", "b", "a"], ["a", "b", "a"])
    assert len(display.images) == 0
    assert display.axes_[0, 0].texts[0].get_text() == "no image misclassified"
    display = MisclassifiedDisplay.from_predictions(images, ["a", "b", "a"], ["a", "a", "a"])
    assert display.axes_[0, 0].get_title() == "true b\npredicted a"
    with pytest.raises(ValueError, match="inconsistent"):
        MisclassifiedDisplay.from_predictions(images, ["a", "b"], ["a", "b", "a"])


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_occlusion_finds_the_pixel_that_the_decision_depends_on(dtype):
    images = np.full((2, 7, 9), 16, dtype=dtype)
    estimator = BrightPixel(2, 6)
    display = OcclusionDisplay.from_estimator(
        estimator, images, ["bright", "dark"], patch_size=3, stride=1, fill=0
    )
    bright, dark = display.maps
    assert bright[2, 6] == pytest.approx(1.0)  # each patch that hides it removes the whole response
    assert np.unravel_index(bright.argmax(), bright.shape) == (2, 6)
    assert bright[2, 5] == pytest.approx(6 / 9)  # 6 of the 9 patches that hide it also hide (2, 6)
    assert not bright[:, :4].any()
    np.testing.assert_allclose(dark, -bright)
    assert display.axes_.shape == (2, 2)
    assert [ax.get_title() for ax in display.axes_[0]] == ["bright", "dark"]


def test_occlusion_relative_to_each_image():
    images = np.stack([np.full((5, 5), 16.0), np.full((5, 5), 8.0)])
    display = OcclusionDisplay.from_estimator(
        BrightPixel(1, 1), images, ["bright", "bright"], fill=0, relative=True
    )
    drawn = [ax.images[0].get_array().max() for ax in display.axes_[1]]
    assert drawn == pytest.approx([1.0, 1.0])
    assert [ax.get_xlabel() for ax in display.axes_[1]] == ["largest 1", "largest 0.5"]


def test_occlusion_follows_the_predicted_class_by_default():
    display = OcclusionDisplay.from_estimator(BrightPixel(0, 0), np.full((1, 5, 5), 16.0), fill=0)
    assert list(display.labels) == ["bright"]


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_occlusion_covers_every_pixel(stride):
    display = OcclusionDisplay.from_estimator(
        BrightPixel(4, 4), np.full((1, 5, 5), 16.0), patch_size=3, stride=stride, fill=0
    )
    assert np.isfinite(display.maps).all()
    assert display.maps[0, 4, 4] == pytest.approx(1.0)


def test_occlusion_of_rows_and_decision_functions(digits):
    X, y = digits
    rows = X.reshape(len(X), -1).astype(float)
    svc = SVC(kernel="linear").fit(rows[:100][y[:100] < 2], y[:100][y[:100] < 2])
    display = OcclusionDisplay.from_estimator(svc, rows[:2], fill=0.0, patch_size=1)
    weights = svc.coef_.reshape(8, 8)
    for image, label, drops in zip(rows[:2], svc.predict(rows[:2]), display.maps, strict=True):
        sign = 1 if label == 1 else -1
        np.testing.assert_allclose(drops, sign * weights * image.reshape(8, 8), atol=1e-9)
    assert display.response == "decision value of the class"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patch_size": 0}, "patch_size is 0; expected an integer from 1 to 5"),
        ({"patch_size": 6}, "from 1 to 5"),
        ({"patch_size": 2.0}, "patch_size is 2.0"),
        ({"patch_size": 2, "stride": 3}, "stride is 3"),
        ({"fill": "median"}, "fill is 'median'; expected 'mean' or a finite number"),
        ({"fill": np.nan}, "fill is nan"),
        ({"fill": None}, "fill is None"),
        ({"response_method": "predict"}, "response_method is 'predict'"),
        ({"y": ["grey"]}, r"labels \['grey'\]; expected .* classes \['dark', 'bright'\]"),
        ({"y": ["dark", "dark"]}, "expected \\(1,\\)"),
    ],
)
def test_occlusion_with_invalid_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        OcclusionDisplay.from_estimator(BrightPixel(0, 0), np.ones((1, 5, 5)), **settings)


@pytest.mark.parametrize(
    ("dtype", "fill", "accepted"),
    [
        (np.uint8, 256, "a number from 0 to 255, since the pixels are uint8"),
        (np.uint8, -1, "a number from 0 to 255"),
        (np.int16, 10**400, "a number from -32768 to 32767"),
        (bool, 2, "a number from 0 to 1, since the pixels are bool"),
        (np.float32, 1e300, "a finite number, since the pixels are float32"),
    ],
)
def test_occlusion_with_a_fill_that_no_pixel_can_have(dtype, fill, accepted):
    with pytest.raises(ValueError, match=rf"fill is .*; expected 'mean' or {accepted}"):
        OcclusionDisplay.from_estimator(BrightPixel(0, 0), np.ones((1, 5, 5), dtype), fill=fill)


def test_occlusion_needs_a_response_method():
    class NoResponse:
        classes_ = np.array([0, 1])

    with pytest.raises(TypeError, match="NoResponse has no predict_proba or decision_function"):
        OcclusionDisplay.from_estimator(NoResponse(), np.ones((1, 5, 5)))
    with pytest.raises(TypeError, match="BrightPixel has no predict_log_proba"):
        OcclusionDisplay.from_estimator(
            BrightPixel(0, 0), np.ones((1, 5, 5)), response_method="predict_log_proba"
        )


def test_occlusion_of_log_probabilities(network, digits):
    X, y = digits
    display = OcclusionDisplay.from_estimator(
        network, X[:1], y[:1], patch_size=1, response_method="predict_log_proba"
    )
    hidden = X[:1].copy()
    hidden[0, 3, 2] = round(X[0].mean())
    before, after = (network.predict_log_proba(images)[0, y[0]] for images in (X[:1], hidden))
    assert display.maps[0, 3, 2] == pytest.approx(before - after, abs=1e-5)


@pytest.mark.parametrize("value", [-1, 0, 2.5, True, "9"])
@pytest.mark.parametrize(
    "display",
    [
        lambda n: EmbeddingDisplay([[0, 0]], n_images=n),
        lambda n: MisclassifiedDisplay(np.ones((1, 4, 4, 1)), [0], [1], n_images=n),
    ],
    ids=["embedding", "misclassified"],
)
def test_numbers_of_all_images_that_are_too_small(display, value):
    with pytest.raises(ValueError, match=rf"n_images is {value!r}; expected an integer of 1 or"):
        display(value)


def test_missing_matplotlib_is_reported_with_the_extra_to_install(monkeypatch):
    real = builtins.__import__

    def no_matplotlib(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r'pip install "skcnn\[plot\]"'):
        FilterDisplay(np.zeros((1, 3, 3, 1))).plot()
