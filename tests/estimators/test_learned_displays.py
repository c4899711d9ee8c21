"""`FilterDisplay` and `LossCurveDisplay` of every estimator that has filters or a loss."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import MinMaxScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from skcnn import (  # noqa: E402
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    HOGTransformer,
    PatchFeatures,
)
from skcnn.displays import FilterDisplay, LossCurveDisplay, MisclassifiedDisplay  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


NETWORK = {"n_filters": 3, "max_iter": 1, "random_state": 0}
PATCHES = {"n_filters": 5, "n_patches": 100, "random_state": 0}
ESTIMATORS = {
    "ConvNetClassifier": lambda: ConvNetClassifier(**NETWORK),
    "ConvNetRegressor": lambda: ConvNetRegressor(**NETWORK),
    "ConvAutoencoder": lambda: ConvAutoencoder(**NETWORK),
    "PatchFeatures": lambda: PatchFeatures(**PATCHES),
}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("channels", [1, 3])
def test_filters_of_every_estimator(images, name, channels):
    X, y = images[0][:100, ..., None].repeat(channels, axis=3), images[1][:100]
    model = ESTIMATORS[name]().fit(X, y)
    display = FilterDisplay.from_estimator(model)
    assert_array_equal(display.filters, model.filters_)
    assert display.ax_.get_title().startswith(f"{len(model.filters_)} filters, ")
    picture = display.im_.get_array()
    assert picture.ndim == (3 if channels == 3 else 2)
    assert picture.min() < picture.max()


def find(model, name):
    """The only fitted estimator of the class in a pipeline or a search."""
    search = model.best_estimator_ if hasattr(model, "best_estimator_") else model
    return next(step for _, step in search.steps if type(step).__name__ == name)


@pytest.mark.parametrize("name", ["ConvAutoencoder", "PatchFeatures"])
def test_filters_in_pipelines_and_searches(images, name):
    X, y = images[0][:100], images[1][:100]
    pipeline = make_pipeline(ESTIMATORS[name](), RidgeClassifier())
    search = GridSearchCV(pipeline, {"ridgeclassifier__alpha": [1.0]}, cv=2).fit(X, y)
    for model in (pipeline.fit(X, y), search, FrozenEstimator(search)):
        display = FilterDisplay.from_estimator(model)
        assert_array_equal(display.filters, find(model, name).filters_)


def test_filters_in_other_estimators(images):
    X, y = images[0][:100], images[1][:100]
    union = make_union(HOGTransformer(), PatchFeatures(**PATCHES)).fit(X)
    expected = union.transformer_list[1][1].filters_
    assert_array_equal(FilterDisplay.from_estimator(union).filters, expected)
    target = TransformedTargetRegressor(ConvNetRegressor(**NETWORK)).fit(X.reshape(100, 64), y)
    assert_array_equal(FilterDisplay.from_estimator(target).filters, target.regressor_.filters_)
    partly = np.where(np.arange(100) < 50, y, -1)
    half = SelfTrainingClassifier(ConvNetClassifier(**NETWORK), max_iter=1)
    half.fit(X.reshape(100, 64), partly)
    assert_array_equal(FilterDisplay.from_estimator(half).filters, half.estimator_.filters_)


FITTED = {  # the first fitted network in a meta-estimator
    "calibrated": (
        lambda net: CalibratedClassifierCV(net, cv=2),
        lambda model: model.calibrated_classifiers_[0].estimator,
    ),
    "calibrated once": (
        lambda net: CalibratedClassifierCV(net, cv=2, ensemble=False),
        lambda model: model.calibrated_classifiers_[0].estimator,
    ),
    "threshold": (lambda net: FixedThresholdClassifier(net), lambda model: model.estimator_),
    "voting": (
        lambda net: VotingClassifier([("tree", DecisionTreeClassifier()), ("net", net)]),
        lambda model: model.estimators_[1],
    ),
    "stacking": (
        lambda net: StackingClassifier([("net", net)], cv=2),
        lambda model: model.estimators_[0],
    ),
    "bagging": (
        lambda net: BaggingClassifier(net, n_estimators=2),
        lambda model: model.estimators_[0],
    ),
    "one of each class": (OneVsRestClassifier, lambda model: model.estimators_[0]),
    "chosen columns": (
        lambda net: ColumnTransformer([("net", net, slice(0, 64))]),
        lambda model: model.transformers_[0][1],
    ),
    "search over networks": (
        lambda net: GridSearchCV(Pipeline([("net", net)]), {"net": [net]}, cv=2),
        lambda model: model.best_estimator_["net"],
    ),
    "pipeline of a search": (
        lambda net: make_pipeline(
            MinMaxScaler(), GridSearchCV(CalibratedClassifierCV(net, cv=2), {}, cv=2)
        ),
        lambda model: model[1].best_estimator_.calibrated_classifiers_[0].estimator,
    ),
}


@pytest.fixture
def other_network(images):
    """Fitted on other images, of another shape, with the parameters for those of 8 x 8 pixels."""
    network = ConvNetClassifier(**NETWORK, image_shape=(4, 16))
    return network.fit(images[0][200:].reshape(100, 64), images[1][200:]).set_params(
        image_shape=None
    )


@pytest.mark.parametrize("name", FITTED)
def test_networks_that_meta_estimators_have_fitted(images, other_network, name):
    """Not those that were passed to them, which may be fitted on something else."""
    make, find_network = FITTED[name]
    X, y = images[0][:100].reshape(100, 64), images[1][:100] > 4
    model = make(other_network)
    with pytest.raises(AttributeError, match=r"pipeline, search or ensemble that .* Call fit"):
        FilterDisplay.from_estimator(model)
    network = find_network(model.fit(X, y))
    assert (network.filters_ != other_network.filters_).any()
    for fitted in (model, FrozenEstimator(model)):
        assert_array_equal(FilterDisplay.from_estimator(fitted).filters, network.filters_)
    assert_allclose(LossCurveDisplay.from_estimator(model).loss_curve, network.loss_curve_)


def test_networks_that_were_fitted_before(images, other_network):
    X, y = images[0][:100].reshape(100, 64), images[1][:100]
    frozen = FrozenEstimator(other_network)
    for model in (frozen, CalibratedClassifierCV(frozen, cv=2).fit(X, y), make_pipeline(frozen)):
        assert_array_equal(FilterDisplay.from_estimator(model).filters, other_network.filters_)
    search = GridSearchCV(other_network, {}, cv=2, refit=False).fit(X, y)
    with pytest.raises(AttributeError, match="Call fit first"):
        FilterDisplay.from_estimator(search)


def test_the_shape_of_images_is_that_of_the_fitted_network(images, other_network):
    X, y = images[0][:100].reshape(100, 64), images[1][:100]
    model = CalibratedClassifierCV(other_network.set_params(image_shape=(2, 32)), cv=2).fit(X, y)
    display = MisclassifiedDisplay.from_estimator(model, X, y, max_images=2)
    assert display.images.shape[1:] == (2, 32, 1)


def test_of_many_filters_the_first_are_drawn(images):
    patches = PatchFeatures(n_filters=400, n_patches=2000, method="random", random_state=0)
    display = FilterDisplay.from_estimator(patches.fit(images[0]))
    assert display.ax_.get_title() == "64 of 400 filters, 3 x 3 pixels"
    width = display.figure_.get_figwidth()
    everything = display.plot(max_filters=None)
    assert everything.ax_.get_title() == "400 filters, 3 x 3 pixels"
    assert everything.figure_.get_figwidth() > width  # so that each remains visible


def test_a_few_large_weights_do_not_make_the_others_pale():
    weights = np.random.default_rng(0).uniform(-1, 1, (50, 2, 2, 1))
    weights[7, 1, 0] = 100.0
    display = FilterDisplay(weights).plot()
    assert 0.9 < display.im_.get_clim()[1] < 1.1
    assert display.im_.colorbar.extend == "both"
    weights = np.zeros((50, 2, 2, 1))
    weights[0, 0, 0] = 3.0
    assert FilterDisplay(weights).plot().im_.get_clim() == (-3.0, 3.0)
    display = FilterDisplay(np.zeros((2, 2, 2, 1))).plot()
    assert display.im_.get_clim() == (-1.0, 1.0)
    assert display.im_.colorbar.extend == "neither"


@pytest.mark.parametrize("name", ["max_filters", "columns"])
@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_numbers_that_are_not_positive_integers(name, value):
    with pytest.raises(ValueError, match=rf"{name} is {value}; expected an integer of 1 or more"):
        FilterDisplay(np.ones((3, 2, 2, 1))).plot(**{name: value})


def test_messages_name_the_estimators_that_are_accepted(images):
    accepted = "ConvNetClassifier, ConvNetRegressor, ConvAutoencoder or PatchFeatures"
    message = (
        f"has no attribute 'filters_'; FilterDisplay expected a fitted {accepted}, or a fitted"
    )
    for model in (
        HOGTransformer(),
        PatchFeatures(),
        ConvAutoencoder(),
        make_pipeline(PatchFeatures()),
    ):
        with pytest.raises(AttributeError, match=f"{type(model).__name__} {message}"):
            FilterDisplay.from_estimator(model)
    patches = PatchFeatures(**PATCHES).fit(images[0])
    message = "PatchFeatures has no attribute 'loss_curve_'; LossCurveDisplay expected a fitted "
    with pytest.raises(
        AttributeError, match=message + "ConvNetClassifier, .* or ConvAutoencoder, "
    ):
        LossCurveDisplay.from_estimator(patches)


@pytest.mark.parametrize("name", ["ConvNetRegressor", "ConvAutoencoder"])
@pytest.mark.parametrize("validated", [False, True])
def test_losses_without_classes(images, name, validated):
    X, y = images
    model = ESTIMATORS[name]().set_params(max_iter=2)
    validation = {"X_val": X[100:150]} if validated else {}
    if validated and name == "ConvNetRegressor":
        validation["y_val"] = y[100:150]
    model.fit(X[:100], y[:100], **validation)
    display = LossCurveDisplay.from_estimator(model)
    expected = {"training loss": model.loss_curve_}
    if validated:
        expected["validation loss"] = model.validation_loss_curve_
    assert list(display.lines_) == list(expected)
    for label, curve in expected.items():
        assert_allclose(display.lines_[label].get_ydata(), curve)
    assert len(display.axes_) == 1  # a share of wrong images does not exist
    assert display.axes_[0].get_ylabel() == "mean loss per image"


def test_losses_in_pipelines_and_searches(images):
    X, y = images[0][:100], images[1][:100]
    pipeline = make_pipeline(ConvAutoencoder(**NETWORK), RidgeClassifier())
    search = GridSearchCV(pipeline, {"ridgeclassifier__alpha": [1.0]}, cv=2).fit(X, y)
    display = LossCurveDisplay.from_estimator(search)
    assert_allclose(display.loss_curve, find(search, "ConvAutoencoder").loss_curve_)


def test_losses_of_several_labels_and_of_a_perceptron(images):
    X, y = images[0][:100], images[1][:100]
    labels = np.column_stack([y % 2, y > 4])
    model = ConvNetClassifier(**NETWORK).fit(X, labels, X_val=X[:20], y_val=labels[:20])
    display = LossCurveDisplay.from_estimator(model)
    assert list(display.lines_) == ["training loss", "validation loss", "validation error"]
    perceptron = MLPClassifier((5,), early_stopping=True, n_iter_no_change=1, random_state=0)
    perceptron.fit(X.reshape(100, 64), y)
    display = LossCurveDisplay.from_estimator(perceptron)
    assert list(display.lines_) == ["training loss", "validation error"]
