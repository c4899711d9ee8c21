"""Parameters that are set after `fit` act in the next fit, and have no part in predictions."""

import numpy as np
import pytest
from helpers.onnx import QUICK
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.metrics import log_loss

from skcnn import ConvAutoencoder, ConvNetClassifier, ConvNetRegressor, to_onnx

NETWORKS = {
    "softmax": ConvNetClassifier(**QUICK),
    "sigmoid": ConvNetClassifier(**QUICK, output_activation="sigmoid", normalization=None),
    "multilabel": ConvNetClassifier(**QUICK, pooling="mean", pool_regions=2),
    "regressor": ConvNetRegressor(**QUICK),
    "codes": ConvAutoencoder(
        n_filters=4, code_size=6, sparsity=0.5, noise=0.2, max_iter=1, random_state=0
    ),
    "maps": ConvAutoencoder(n_filters=4, max_iter=1, random_state=0),
}
METHODS = ("predict", "predict_log_proba", "transform")
OF_PREDICTIONS = ("n_jobs", "predict_augment")


@pytest.fixture(params=NETWORKS)
def fitted(request, images):
    X, y = images
    if request.param == "multilabel":
        y = np.stack([y < 5, y % 2 == 0], axis=1)
    return clone(NETWORKS[request.param]).fit(X, y)


def change_all(estimator):
    """Set all parameters that should have no part in predictions to what none of them can be."""
    for name in estimator.get_params(deep=False):
        if name not in OF_PREDICTIONS:
            setattr(estimator, name, "changed")


def test_predictions(fitted, images):
    def answers():
        found = [getattr(fitted, name)(images[0]) for name in METHODS if hasattr(fitted, name)]
        if hasattr(fitted, "inverse_transform"):
            found.append(fitted.inverse_transform(found[-1]))
            found.append(fitted.score(images[0]))
        return [*found, fitted.get_feature_names_out(), fitted.filters_]

    before = answers()
    change_all(fitted)
    for now, then in zip(answers(), before, strict=True):
        assert_array_equal(now, then)


def test_onnx_models(fitted):
    pytest.importorskip("onnx")
    before = to_onnx(fitted).graph
    change_all(fitted)
    assert to_onnx(fitted).graph == before


@pytest.mark.parametrize("method", ["fit", "warm fit", "partial_fit"])
def test_another_output_activation_acts_in_the_next_fit(images, method):
    """Predictions are those of the loss that was trained: its mean is the loss."""
    X, y = images
    settings = {"dropout": 0, "label_smoothing": 0, "learning_rate": lambda step: 0.0}
    cnn = ConvNetClassifier(**QUICK, **settings, normalization=None, output_activation="sigmoid")
    cnn.fit(X, y).set_params(output_activation="softmax", warm_start=method == "warm fit")
    (cnn.partial_fit if method == "partial_fit" else cnn.fit)(X, y)
    assert cnn.loss_ == pytest.approx(log_loss(y, cnn.predict_proba(X)), rel=1e-4)
