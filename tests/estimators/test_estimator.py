"""What all estimators have in common: whether parameters are validated, private attributes."""

import re

import numpy as np
import pytest
from helpers.quick import FAST
from sklearn import config_context

import skcnn
from skcnn import _fitting

WITHOUT_LABELS = {
    name: value for name, value in FAST.items() if name not in ("hidden_layer_sizes", "dropout")
}
SETTINGS = {
    "ConvNetClassifier": FAST,
    "ConvNetRegressor": FAST,
    "ConvAutoencoder": WITHOUT_LABELS,
    "PatchFeatures": {"n_filters": 6},
    "HOGTransformer": {},
    "DaisyTransformer": {},
}

X = np.random.default_rng(0).random((20, 8, 8))
y = np.arange(20) % 2


@pytest.mark.parametrize("name", SETTINGS)
def test_sklearn_set_config_skips_the_validation_of_parameters(monkeypatch, name):
    def refuse(*arguments, **keywords):
        raise ValueError("validated")

    monkeypatch.setattr("sklearn.base.validate_parameter_constraints", refuse)
    model = getattr(skcnn, name)(**SETTINGS[name])
    with pytest.raises(ValueError, match="validated"):
        model.fit(X, y)
    with config_context(skip_parameter_validation=True):
        model.fit(X, y).transform(X)
        if hasattr(model, "partial_fit"):
            model.partial_fit(X, y)
            model.partial_fit(X, y)


def test_private_attributes_are_described():
    """The docstring of `skcnn._fitting` lists them for contributors."""
    models = [getattr(skcnn, name)(**SETTINGS[name]).fit(X, y) for name in SETTINGS]
    private = {name for model in models for name in vars(model) if name.startswith("_")}
    private -= {"_filters"}  # of PatchFeatures, which is not a network
    described = re.findall(r"(?m)^(_\w+) : ", _fitting.__doc__)
    assert sorted(described) == sorted(private | {"_unfinished"})
