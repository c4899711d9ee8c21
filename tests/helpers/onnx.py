"""Shared by the tests of ONNX models: running them, and comparing them with the estimator."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from skcnn import to_onnx

QUICK = {"n_filters": (6, 8), "hidden_layer_sizes": (12,), "max_iter": 2, "random_state": 0}


def run(model, X):
    """The outputs of a model for X, by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"X": X}), strict=True))


def check_classifier(estimator, X, **arguments):
    """Compare labels and probabilities of one image and of many; return the model."""
    model = to_onnx(estimator, **arguments)
    for images in (X[:1], X):
        found = run(model, images)
        assert list(found) == ["label", "probabilities"]
        assert_array_equal(found["label"], estimator.predict(images))
        assert_allclose(found["probabilities"], estimator.predict_proba(images), atol=1e-5, rtol=0)
        assert found["probabilities"].dtype == np.float32
    return model


def check_features(estimator, X, name, **arguments):
    """Compare the features of one image and of many."""
    model = to_onnx(estimator, **arguments)
    for images in (X[:1], X):
        expected = estimator.transform(images)
        assert_allclose(run(model, images)[name], expected, atol=1e-5 * np.abs(expected).max())
    return model
