"""`Checkpoint` and `resume_fit`: fits that go on after an interruption."""

import os
import pickle

import joblib
import numpy as np
import pytest
from helpers.callbacks import Recorder, needs_callbacks, same, state_of, whole_fit
from helpers.quick import FAST, constant_rate, fast
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skcnn import ConvAutoencoder, ConvNetClassifier, ConvNetRegressor
from skcnn.callbacks import Checkpoint, resume_fit
from skcnn.datasets import load_digits_images

N = 200


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_images()
    return X[:N], y[:N]


@needs_callbacks
class TestCheckpoint:
    def test_the_file_has_the_estimator_without_callbacks(self, digits, tmp_path):
        path = tmp_path / "new" / "cnn.joblib"
        cnn = fast().set_callbacks(Checkpoint(path), Recorder()).fit(*digits)
        stored = joblib.load(path)
        same(stored, cnn)
        assert vars(stored).keys() == vars(cnn).keys() - {"_skl_callbacks"}
        assert [file.name for file in path.parent.iterdir()] == ["cnn.joblib"]

    def test_every_so_many_epochs(self, digits, tmp_path):
        path = tmp_path / "cnn.joblib"
        found = []

        class Look(Recorder):
            def on_fit_task_end(self, estimator, context):
                found.append(joblib.load(path).n_iter_ if path.exists() else 0)

        fast(max_iter=5).set_callbacks(Checkpoint(path, every=2), Look()).fit(*digits)
        assert found == [0, 2, 2, 4, 4, 5]

    def test_in_a_search_the_file_is_that_of_one_of_the_fits(self, digits, tmp_path):
        path = tmp_path / "cnn.joblib"
        cnn = fast(max_iter=2).set_callbacks(Checkpoint(path))
        search = GridSearchCV(cnn, {"alpha": [0.0, 1.0]}, cv=2, n_jobs=2).fit(*digits)
        same(joblib.load(path), search.best_estimator_)  # the refit is the last

    def test_for_other_estimators(self, digits, tmp_path):
        from sklearn.linear_model import LogisticRegression

        X, y = digits
        path = tmp_path / "model.joblib"
        model = LogisticRegression(max_iter=1000).set_callbacks(Checkpoint(path))
        model.fit(X.reshape(N, -1), y)
        assert_array_equal(joblib.load(path).coef_, model.coef_)
        with pytest.raises(TypeError, match="type LogisticRegression; expected a network"):
            resume_fit(path, X, y)

    def test_a_folder_that_cannot_be_used_is_an_error_before_the_training(self, digits, tmp_path):
        (tmp_path / "file").touch()
        recorder = Recorder()
        cnn = fast().set_callbacks(recorder, Checkpoint(tmp_path / "file" / "cnn.joblib"))
        with pytest.raises(OSError, match="folder of the checkpoint is the folder"):
            cnn.fit(*digits)
        assert recorder.names() == [("setup", "fit"), ("teardown", "fit")]
        assert not hasattr(cnn, "network_")

    def test_a_path_that_is_a_folder_is_an_error_before_the_training(self, digits, tmp_path):
        recorder = Recorder()
        with pytest.raises(IsADirectoryError, match=r"checkpoint is the folder .*Add the name"):
            fast().set_callbacks(recorder, Checkpoint(tmp_path, every=2)).fit(*digits)
        assert recorder.names() == [("setup", "fit"), ("teardown", "fit")]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders")
    def test_a_pipe_or_a_link_to_one_is_an_error_before_the_training(self, digits, tmp_path):
        pipe, link = tmp_path / "pipe", tmp_path / "link"
        os.mkfifo(pipe)
        link.symlink_to(pipe)
        for path in (pipe, link):
            recorder = Recorder()
            with pytest.raises(OSError, match=f"{path}, is a pipe, a socket or a device; expected"):
                fast().set_callbacks(recorder, Checkpoint(path)).fit(*digits)
            assert recorder.names() == [("setup", "fit"), ("teardown", "fit")]

    def test_a_parameter_without_a_pickle_is_an_error_before_the_training(self, digits, tmp_path):
        recorder = Recorder()
        cnn = fast(learning_rate=lambda step: 0.002)
        with pytest.raises(TypeError, match=r"ConvNetClassifier cannot be stored .*<lambda>"):
            cnn.set_callbacks(recorder, Checkpoint(tmp_path / "cnn.joblib")).fit(*digits)
        assert recorder.names() == [("setup", "fit"), ("teardown", "fit")]
        assert list(tmp_path.iterdir()) == []

    def test_a_failed_write_leaves_the_old_file(self, digits, tmp_path, monkeypatch):
        path = tmp_path / "cnn.joblib"
        fast(max_iter=1).set_callbacks(Checkpoint(path)).fit(*digits)
        before = path.read_bytes()

        def full(descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            fast(max_iter=1, random_state=1).set_callbacks(Checkpoint(path)).fit(*digits)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("every", [0, -1, 1.5, "2", True, None])
def test_every_must_be_a_positive_int(every, tmp_path):
    with pytest.raises(ValueError, match="expected a positive number of epochs"):
        Checkpoint(tmp_path / "cnn.joblib", every=every)


def test_path_must_be_a_path():
    with pytest.raises(TypeError, match="path is 3, of type int"):
        Checkpoint(3)
    with pytest.raises(TypeError, match="path is 3, of type int"):
        resume_fit(3, [])


VALIDATION = {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 6}
RESUMED = {
    "default": (ConvNetClassifier, {"n_filters": 4, "max_iter": 4, "random_state": 0}),
    "adam": (ConvNetClassifier, FAST),
    "dropout and augmentation": (ConvNetClassifier, FAST | {"dropout": 0.3, "augment": "shift"}),
    "early stopping": (ConvNetClassifier, FAST | VALIDATION),
    "training loss": (ConvNetClassifier, FAST | {"learning_rate": "constant", "tol": 10.0}),
    "replacement": (ConvNetClassifier, FAST | {"shuffle": "replacement"}),
    "class weights": (ConvNetClassifier, FAST | {"class_weight": "balanced"}),
    "regressor": (ConvNetRegressor, FAST | {"normalization": "batch"}),
    "autoencoder": (ConvAutoencoder, {"n_filters": 4, "max_iter": 3, "random_state": 0}),
}


@needs_callbacks
class TestResume:
    @pytest.mark.parametrize("epoch", [0, 1, "last"])
    @pytest.mark.parametrize("kind", RESUMED)
    def test_it_goes_on_bit_for_bit(self, digits, tmp_path, kind, epoch):
        estimator, params = RESUMED[kind]
        n_iter_no_change = {"n_iter_no_change": 2} if kind == "training loss" else {}
        expected = estimator(**params, **n_iter_no_change).fit(*digits)
        path = tmp_path / "cnn.joblib"
        epoch = expected.n_iter_ - 1 if epoch == "last" else epoch
        killed = estimator(**params, **n_iter_no_change)
        killed.set_callbacks(Checkpoint(path), Recorder(error_at=epoch))
        with pytest.raises(RuntimeError, match="from the callback"):
            killed.fit(*digits)
        recorder = Recorder()
        resumed = resume_fit(path, *digits, callbacks=[recorder])
        same(resumed, expected)
        resumed.set_callbacks()
        assert state_of(resumed) == state_of(expected)
        assert recorder.names() == whole_fit(expected.n_iter_ - epoch - 1)

    def test_a_warm_start_goes_on(self, digits, tmp_path):
        X, y = digits
        expected = fast(warm_start=True).fit(X, y).fit(X, y)
        path = tmp_path / "cnn.joblib"
        killed = fast(warm_start=True).fit(X, y)
        killed.set_callbacks(Checkpoint(path), Recorder(error_at=1))
        with pytest.raises(RuntimeError, match="from the callback"):
            killed.fit(X, y)
        same(resume_fit(path, X, y), expected)

    def test_a_fit_that_is_interrupted_twice(self, digits, tmp_path):
        path = tmp_path / "cnn.joblib"
        with pytest.raises(RuntimeError, match="from the callback"):
            fast().set_callbacks(Checkpoint(path), Recorder(error_at=0)).fit(*digits)
        with pytest.raises(RuntimeError, match="from the callback"):
            resume_fit(path, *digits, callbacks=[Checkpoint(path), Recorder(error_at=0)])
        assert joblib.load(path).n_iter_ == 2
        same(resume_fit(path, *digits), fast().fit(*digits))

    def test_with_weights_and_validation_images(self, digits, tmp_path):
        X, y = digits
        given = {"sample_weight": np.linspace(1, 2, N), "X_val": X[:50], "y_val": y[:50]}
        expected = fast(**VALIDATION).fit(X, y, **given)
        path = tmp_path / "cnn.joblib"
        with pytest.raises(RuntimeError, match="from the callback"):
            fast(**VALIDATION).set_callbacks(Checkpoint(path), Recorder(error_at=1)).fit(
                X, y, **given
            )
        same(resume_fit(path, X, y, **given), expected)

    def test_a_complete_fit_is_returned(self, digits, tmp_path):
        path = tmp_path / "cnn.joblib"
        cnn = fast().set_callbacks(Checkpoint(path)).fit(*digits)
        same(resume_fit(path, *digits), cnn)

    def test_after_ctrl_c(self, digits, tmp_path):
        X, y = digits
        path = tmp_path / "cnn.joblib"
        calls = []

        class Interrupt(Recorder):
            def on_fit_task_begin(self, estimator, context):
                calls.append(context.task_name)
                if calls.count("epoch") == 3:
                    raise KeyboardInterrupt

        cnn = fast(max_iter=4).set_callbacks(Checkpoint(path), Interrupt())
        with pytest.warns(UserWarning, match="interrupted in epoch 3"):
            cnn.fit(X, y)
        same(resume_fit(path, X, y), fast(max_iter=4).fit(X, y))

    @pytest.fixture
    def path(self, digits, tmp_path):
        path = tmp_path / "cnn.joblib"
        with pytest.raises(RuntimeError, match="from the callback"):
            fast().set_callbacks(Checkpoint(path), Recorder(error_at=0)).fit(*digits)
        return path

    def test_other_images_are_refused(self, digits, path):
        X, y = digits
        with pytest.raises(ValueError, match="X has 100 images; expected the 200 images"):
            resume_fit(path, X[:100], y[:100])
        with pytest.raises(ValueError, match="X has other values; expected the same values"):
            resume_fit(path, X / 16, y)
        with pytest.raises(ValueError, match="y has other values; expected the same values"):
            resume_fit(path, X, np.roll(y, 1))
        with pytest.raises(ValueError, match="sample_weight has other values; expected None"):
            resume_fit(path, X, y, sample_weight=y + 1)

    def test_the_same_images_in_another_dtype(self, digits, path):
        X, y = digits
        resumed = resume_fit(path, X.reshape(N, -1).astype(float), y)
        assert_allclose(resumed.loss_curve_, fast().fit(X, y).loss_curve_, rtol=1e-5)

    def test_forgotten_arguments_are_an_error(self, digits, tmp_path):
        X, y = digits
        path = tmp_path / "cnn.joblib"
        given = {"sample_weight": y + 1, "X_val": X[:50], "y_val": y[:50]}
        given["sample_weight_val"] = y[:50] + 1
        with pytest.raises(RuntimeError, match="from the callback"):
            fast().set_callbacks(Checkpoint(path), Recorder(error_at=0)).fit(X, y, **given)
        for name in ("sample_weight", "sample_weight_val"):
            with pytest.raises(ValueError, match=f"{name} is None; expected the same values"):
                resume_fit(path, X, y, **given | {name: None})
        for name in ("X_val", "y_val"):
            with pytest.raises(ValueError, match=f"{name} has other values; expected the same"):
                resume_fit(path, X, y, **given | {name: given[name][::-1]})
        with pytest.raises(ValueError, match="X_val is None; expected the same values"):
            resume_fit(path, X, y, sample_weight=y + 1)

    def test_other_images_of_an_autoencoder(self, digits, tmp_path):
        X, _ = digits
        path = tmp_path / "cnn.joblib"
        autoencoder = ConvAutoencoder(n_filters=4, max_iter=2, random_state=0)
        autoencoder.set_callbacks(Checkpoint(path), Recorder(error_at=0))
        with pytest.raises(RuntimeError, match="from the callback"):
            autoencoder.fit(X, X_val=X[:50])
        with pytest.raises(ValueError, match="X has other values"):
            resume_fit(path, X[::-1], X_val=X[:50])
        cut = X.copy()
        cut[:, :3] = 0  # not the row that is compared of every image
        with pytest.raises(ValueError, match="X has other values"):
            resume_fit(path, cut, X_val=X[:50])
        with pytest.raises(ValueError, match="X_val has other values"):
            resume_fit(path, X, X_val=X[1:51])

    def test_a_call_of_partial_fit_was_complete(self, digits, tmp_path):
        X, y = digits
        path = tmp_path / "cnn.joblib"
        cnn = fast(learning_rate=constant_rate)
        cnn.set_callbacks(Checkpoint(path), Recorder(error_at=0))
        with pytest.raises(RuntimeError, match="from the callback"):
            cnn.partial_fit(X, y, classes=range(10))
        expected = fast(learning_rate=constant_rate).partial_fit(X, y, classes=range(10))
        same(resume_fit(path, X, y), expected)

    def test_fit_and_partial_fit_of_an_unfinished_estimator(self, digits, path):
        X, y = digits
        unfinished = joblib.load(path)
        assert unfinished.n_iter_ == 1
        again = clone(unfinished).fit(X, y)
        same(joblib.load(path).fit(X, y), again)
        further = joblib.load(path).partial_fit(X, y)
        assert further.n_iter_ == 2
        assert not hasattr(further, "_unfinished")

    def test_no_file(self, digits, tmp_path):
        with pytest.raises(FileNotFoundError, match="expected the file of a Checkpoint"):
            resume_fit(tmp_path / "none.joblib", *digits)
        with pytest.raises(FileNotFoundError, match="expected the file of a Checkpoint"):
            resume_fit(tmp_path, *digits)

    def test_a_damaged_file(self, digits, path):
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises((EOFError, ValueError, pickle.UnpicklingError)) as caught:
            resume_fit(path, *digits)
        assert caught.value.__notes__ == [
            f"{path} cannot be loaded; expected the file of a Checkpoint. Check the path, or call "
            "fit to start over."
        ]

    def test_an_estimator_that_was_not_fitted(self, digits, tmp_path):
        joblib.dump(fast(), tmp_path / "new.joblib")
        with pytest.raises(NotFittedError):
            resume_fit(tmp_path / "new.joblib", *digits)

    @pytest.mark.parametrize("callbacks", [Recorder(), None])
    def test_callbacks_must_be_a_sequence(self, digits, path, callbacks):
        with pytest.raises(TypeError, match=r"callbacks is .*; expected a sequence"):
            resume_fit(path, *digits, callbacks=callbacks)
