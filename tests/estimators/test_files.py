"""Estimators in files: pickle, joblib and skops, other processes and other versions."""

import itertools
import pickle
import subprocess
import sys
import textwrap
import warnings

import joblib
import numpy as np
import pytest
import sklearn.exceptions
from helpers.callbacks import Recorder, needs_callbacks
from helpers.quick import FAST, fast
from helpers.stored_models import FOLDER, images, results
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skcnn
from skcnn import (
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
    make_daisy_svc,
    make_hog_svc,
)
from skcnn.augment import Affine, Compose, Elastic, Flip, Shift
from skcnn.datasets import load_digits_images
from skcnn.exceptions import InconsistentVersionWarning

N = 200
STORED = sorted(FOLDER.glob("*/*.joblib"))


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_images()
    return X[:N], y[:N]


def same_network(one, other):
    assert_array_equal(one.network_.parameters, other.network_.parameters)
    assert_array_equal(one.network_.state, other.network_.state)
    assert one.loss_curve_ == other.loss_curve_


@pytest.fixture(scope="module")
def continued(digits, tmp_path_factory):
    """Networks by solver and module; the folder with their files and those of the other process."""
    X, y = digits
    folder, networks = tmp_path_factory.mktemp("continued"), {}
    for module, solver in itertools.product((pickle, joblib), ("adam", "muon", "sgd")):
        cnn = fast(solver=solver, dropout=0.2, normalization="batch", augment="shift")
        cnn.partial_fit(X, y, classes=range(10))
        with open(folder / f"{solver}.{module.__name__}", "wb") as file:
            module.dump(cnn, file)
        networks[module.__name__, solver] = cnn
    program = f"""
        import pickle, joblib
        from pathlib import Path
        from skcnn.datasets import load_digits_images
        X, y = load_digits_images()
        for path in list(Path({str(folder)!r}).iterdir()):
            with open(path, "rb") as file:
                cnn = {{".pickle": pickle, ".joblib": joblib}}[path.suffix].load(file)
            joblib.dump(cnn.partial_fit(X[:{N}], y[:{N}]), f"{{path}}.result")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)
    return networks, folder


@pytest.mark.parametrize("solver", ["adam", "muon", "sgd"])
@pytest.mark.parametrize("module", ["pickle", "joblib"])
def test_another_process_goes_on_with_the_training_bit_for_bit(continued, digits, module, solver):
    networks, folder = continued
    expected = networks[module, solver].partial_fit(*digits)
    same_network(joblib.load(folder / f"{solver}.{module}.result"), expected)


class TestVersions:
    def test_a_file_of_this_version_loads_without_a_warning(self, digits):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            restored = pickle.loads(pickle.dumps(fast().fit(*digits)))
        assert not hasattr(restored, "_skcnn_version")

    @pytest.mark.parametrize("version", ["99.0", None])
    @pytest.mark.parametrize("kind", [ConvNetClassifier, HOGTransformer, PatchFeatures])
    def test_a_file_of_another_version_warns(self, digits, kind, version, monkeypatch):
        estimator = kind().set_params(image_shape=(8, 8))
        if version is None:  # before files had a version
            monkeypatch.setattr(kind, "__getstate__", lambda self: self.__dict__.copy())
        else:
            monkeypatch.setattr("skcnn._estimator.__version__", version)
        data = pickle.dumps(estimator)
        monkeypatch.undo()
        expected = f"{kind.__name__} was stored by skcnn 99.0, but .* or install skcnn==99.0"
        if version is None:
            expected = "stored by an unknown version of skcnn, .* install the version that stored"
        with pytest.warns(InconsistentVersionWarning, match=expected) as caught:
            restored = pickle.loads(data)
        assert restored.get_params() == estimator.get_params()
        assert isinstance(caught[0].message, sklearn.exceptions.InconsistentVersionWarning)

    def test_there_are_files_of_this_version(self):
        assert {path.parent.name for path in STORED} >= {skcnn.__version__}
        assert len(STORED) >= 8

    @pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
    def test_files_of_earlier_versions_give_the_same_results(self, path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            stored = joblib.load(path)
        observed = results(stored["estimator"])
        assert observed.keys() == stored["results"].keys()
        for name, expected in stored["results"].items():
            if expected.dtype.kind == "f":
                assert_allclose(observed[name], expected, rtol=1e-4, atol=1e-5)
            else:
                assert_array_equal(observed[name], expected)

    @pytest.mark.parametrize(
        "path", [path for path in STORED if path.stem in ("classifier", "regressor", "autoencoder")]
    )
    def test_training_of_earlier_versions_goes_on(self, path):
        X, y, *_ = images()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            estimator = joblib.load(path)["estimator"]
        if path.stem == "classifier":
            y = np.array([f"digit {label}" for label in y])
        before = estimator.network_.parameters.copy()
        estimator.partial_fit(X, y)
        assert estimator.n_iter_ == 3
        assert np.abs(estimator.network_.parameters - before).max() > 0


class TestDropOptimizerState:
    @pytest.mark.parametrize("solver", ["adam", "muon", "sgd", "gd"])
    def test_the_size_is_that_of_the_parameters(self, digits, solver):
        X, y = digits
        cnn = ConvNetClassifier(solver=solver, max_iter=1).fit(X, y)
        proba = cnn.predict_proba(X)
        assert cnn.drop_optimizer_state() is cnn
        size = len(pickle.dumps(cnn))
        n_bytes = cnn.network_.parameters.nbytes + cnn.network_.state.nbytes
        assert n_bytes < size < n_bytes + 6000
        assert_array_equal(pickle.loads(pickle.dumps(cnn)).predict_proba(X), proba)

    def test_partial_fit_starts_a_new_optimizer(self, digits):
        X, y = digits
        kept = fast().partial_fit(X, y, classes=range(10))
        dropped = pickle.loads(pickle.dumps(kept)).drop_optimizer_state()
        kept.partial_fit(X, y)
        dropped.partial_fit(X, y)
        assert dropped.t_ == kept.t_ == 2 * N
        assert len(dropped._state.moments) == len(kept._state.moments) == 2
        assert np.abs(dropped.network_.parameters - kept.network_.parameters).max() > 1e-6
        before = dropped.loss_curve_[-1]
        assert dropped.partial_fit(X, y).loss_curve_[-1] < before

    def test_warm_start_is_not_affected(self, digits):
        kept = fast(warm_start=True).fit(*digits)
        dropped = pickle.loads(pickle.dumps(kept)).drop_optimizer_state()
        same_network(dropped.fit(*digits), kept.fit(*digits))

    def test_before_fit(self):
        with pytest.raises(sklearn.exceptions.NotFittedError):
            fast().drop_optimizer_state()


AUGMENTATIONS = ("flip", Flip(), Shift(), Affine(), Elastic(), Compose((Flip(), Shift())))
OTHER = {"pooling": "mean", "pool_regions": 2, "activation": "tanh", "dropout": 0.2}
SKOPS = {
    "default": ConvNetClassifier(max_iter=1, random_state=0),
    "early stopping": fast(early_stopping=True, normalization="batch", **OTHER),
    "augment": fast(augment=AUGMENTATIONS, predict_augment="flip", solver="sgd"),
    "multilabel": fast(),
    "regressor": ConvNetRegressor(**FAST),
    "autoencoder": ConvAutoencoder(
        n_filters=4, code_size=6, noise=0.2, sparsity=0.5, max_iter=1, random_state=0
    ),
    "patches": PatchFeatures(n_filters=8, random_state=0),
    "hog": HOGTransformer(),
    "daisy": DaisyTransformer(),
    "hog svc": make_hog_svc(),
    "daisy svc": make_daisy_svc(),
    "pipeline": make_pipeline(StandardScaler(), fast()),
}


class TestSkops:
    @pytest.fixture
    def io(self):
        return pytest.importorskip("skops.io", reason="skops is not installed")

    @pytest.mark.parametrize("name", SKOPS)
    def test_only_our_types_need_trust(self, io, digits, name):
        X, y = digits
        targets = {"regressor": y.astype(float), "multilabel": np.stack([y < 5, y > 2], axis=1)}
        X = X.reshape(N, -1) if name == "pipeline" else X
        estimator = sklearn.base.clone(SKOPS[name]).fit(X, targets.get(name, y))
        data = io.dumps(estimator)
        assert set(io.get_untrusted_types(data=data)) <= set(skcnn.SKOPS_TRUSTED)
        restored = io.loads(data, trusted=skcnn.SKOPS_TRUSTED)
        method = "predict" if hasattr(estimator, "predict") else "transform"
        assert_array_equal(getattr(restored, method)(X), getattr(estimator, method)(X))

    def test_training_goes_on_bit_for_bit(self, io, digits):
        X, y = digits
        cnn = fast(dropout=0.2, augment="shift").partial_fit(X, y, classes=range(10))
        restored = io.loads(io.dumps(cnn), trusted=skcnn.SKOPS_TRUSTED)
        same_network(restored.partial_fit(X, y), cnn.partial_fit(X, y))

    def test_a_function_of_the_user_needs_trust(self, io, digits):
        cnn = fast(augment=negated).fit(*digits)
        untrusted = io.get_untrusted_types(data=io.dumps(cnn))
        assert set(untrusted) - set(skcnn.SKOPS_TRUSTED) == {f"{__name__}.negated"}

    @needs_callbacks
    def test_what_a_callback_receives(self, io, digits):
        recorder = Recorder()
        fast(early_stopping=True).set_callbacks(recorder).fit(*digits)
        for fitted in recorder.fitted():
            restored = io.loads(io.dumps(fitted), trusted=skcnn.SKOPS_TRUSTED)
            assert_array_equal(restored.predict(digits[0]), fitted.predict(digits[0]))
            assert restored._unfinished.begin == fitted._unfinished.begin

    def test_another_version_warns(self, io, digits, monkeypatch):
        monkeypatch.setattr("skcnn._estimator.__version__", "99.0")
        data = io.dumps(HOGTransformer())
        monkeypatch.undo()
        with pytest.warns(InconsistentVersionWarning, match=r"stored by skcnn 99\.0"):
            io.loads(data, trusted=skcnn.SKOPS_TRUSTED)


def negated(images, rng):
    return 16 - images


def test_trusted_types_exist_and_are_ours():
    from importlib import import_module

    for name in skcnn.SKOPS_TRUSTED:
        module, _, kind = name.rpartition(".")
        assert name.startswith("skcnn.")
        assert isinstance(getattr(import_module(module), kind), type)
