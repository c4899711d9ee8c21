"""Users may turn floating-point errors into exceptions with `numpy.seterr`: nothing fails."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.quick import fast
from numpy.testing import assert_array_equal

from skcnn import HOGTransformer, displays, make_hog_svc
from skcnn.augment import Affine, Elastic, Shift, sample

SETTINGS = [
    {"activation": "tanh", "learning_rate_init": 0.05},
    {"activation": "sigmoid", "output_activation": "sigmoid", "pooling": "mean"},
    {"early_stopping": True, "augment": "elastic", "hidden_layer_sizes": (8,), "dropout": 0.3},
    {"solver": "sgd", "standardize": False, "augment": Affine()},
    {"class_weight": "balanced", "label_smoothing": 0.0, "learning_rate_init": 0.05},
]


def all_images(images):
    """Images whose processing underflows at different places, by name."""
    X = images[0]
    return {
        "uint8": X,
        "float32": (X * 1e-39).astype(np.float32),
        "subnormal": np.where(X > 8, X, 1e-310),
        "colour": np.random.default_rng(0).random((len(X), 8, 8, 3)) * 1e-200,
    }


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("uint8", "warn"), *((kind, "raise") for kind in ("uint8", "float32", "subnormal", "colour"))],
)
@pytest.mark.parametrize("settings", SETTINGS)
def test_fits_and_predictions(images, settings, kind, mode):
    X, y = all_images(images)[kind], images[1]
    weights = np.random.default_rng(0).random(len(y)) ** 30
    reference = fast(n_jobs=2, **settings).fit(X, y, sample_weight=weights)
    with np.errstate(all=mode):
        before = np.geterr()
        model = fast(n_jobs=2, **settings).fit(X, y, sample_weight=weights)
        for n in (3, 300):
            for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
                getattr(model, method)(X[:n])
        model.score(X, y)
        for method in ("predict_proba", "predict_log_proba"):
            getattr(model, method)(X * np.array(1e6, X.dtype) if X.dtype.kind == "f" else X)
        model.set_params(early_stopping=False, class_weight=None)
        model.partial_fit(X[:100], y[:100], sample_weight=weights[:100])
        assert np.geterr() == before
    reference.set_params(early_stopping=False, class_weight=None)
    reference.partial_fit(X[:100], y[:100], sample_weight=weights[:100])
    assert_array_equal(model.network_.parameters, reference.network_.parameters)


@pytest.mark.parametrize("mode", ["raise", "warn"])  # pytest raises warnings
@pytest.mark.parametrize("solver", ["adam", "muon", "sgd"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_diverging_training_is_a_value_error(images, mode, solver, n_jobs):
    """Found by the loss or the weights; overflow is neither an error nor a warning."""
    with np.errstate(all=mode), pytest.raises(ValueError, match=r"diverged: the (loss|weights)"):
        fast(solver=solver, learning_rate_init=1e30, n_jobs=n_jobs).fit(*images)


@pytest.mark.parametrize("factor", [1.0, 1e-44, 1e-308])
def test_hog(images, factor):
    X, y = images[0][:100] * factor, images[1][:100]
    with np.errstate(all="raise"):
        assert np.isfinite(HOGTransformer(block_norm="L1").fit_transform(X)).all()
        make_hog_svc().fit(X, y).predict(X)


def test_augmentations():
    images = np.random.default_rng(0).random((4, 8, 8, 1), np.float32) * np.float32(3e-38)
    with np.errstate(all="raise"):
        for augment in (Shift(), Affine(), Elastic(), Elastic(smoothness=0.01)):
            assert augment(images, np.random.default_rng(0)).shape == images.shape
        places = np.full((4, 8, 8), 0.01, np.float32)
        assert sample(images, places, places).shape == images.shape


def test_displays(images):
    X, y = all_images(images)["float32"], images[1]
    model = fast().fit(X, y)
    with np.errstate(all="raise"):
        displays.FilterDisplay.from_estimator(model)
        displays.LossCurveDisplay.from_estimator(model)
        displays.MisclassifiedDisplay.from_estimator(model, X, y)
        displays.OcclusionDisplay.from_estimator(model, X[:2], y[:2])
    plt.close("all")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_functions_of_the_user_keep_the_settings_of_the_user(images, n_jobs):
    """Except for underflow."""
    seen = []

    def augment(batch, rng):
        seen.append(np.geterr())
        return batch

    def rate(step):
        seen.append(np.geterr())
        return 0.01

    with np.errstate(divide="raise", over="print", invalid="ignore"):
        fast(augment=augment, learning_rate=rate, n_jobs=n_jobs).fit(*images)
    expected = {"divide": "raise", "over": "print", "under": "ignore", "invalid": "ignore"}
    assert len(seen) > 15
    assert all(errors == expected for errors in seen)


def test_a_last_step_that_makes_the_outputs_overflow_is_a_value_error(images):
    X, y = images
    cnn = fast(solver="sgd", learning_rate=lambda step: 1e17, max_iter=1, batch_size=len(X))
    cnn.set_params(hidden_layer_sizes=(8,))
    with pytest.raises(ValueError, match="Training diverged: the outputs are no longer finite"):
        cnn.fit(X, y)
    assert not hasattr(cnn, "network_")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_pixels_may_be_augmented(dtype):
    rng = np.random.default_rng(0)
    X, y = (rng.random((20, 6, 6)) < 0.5).astype(dtype) * dtype(1e30), np.arange(20) % 2
    cnn = fast(max_iter=1, augment=("flip", "shift")).fit(X, y)
    assert np.isfinite(cnn.predict_proba(X)).all()
    with pytest.raises(ValueError, match=r"1\.1e\+30"):
        fast().fit(X * dtype(1.1), y)
