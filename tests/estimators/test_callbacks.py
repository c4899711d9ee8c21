"""Callbacks: scikit-learn's protocol, Checkpoint, and fits that go on after an interruption."""

import os
import pickle

import joblib
import numpy as np
import pytest
import sklearn
from helpers.quick import FAST, constant_rate, fast
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from skcnn import ConvAutoencoder, ConvNetClassifier, ConvNetRegressor
from skcnn.callbacks import Checkpoint, resume_fit
from skcnn.datasets import load_digits_images

HAS_CALLBACKS = parse_version(sklearn.__version__) >= parse_version("1.9.0")
needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has no callbacks")
N = 200


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_images()
    return X[:N], y[:N]


class Recorder:
    """Records the hooks that are called, with the task and the arguments."""

    def __init__(self, stop_at=None, error_at=None):
        self.calls = []
        self.stop_at, self.error_at = stop_at, error_at

    def setup(self, estimator, context):
        self.calls.append(("setup", context.task_name, None))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name, None))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.calls.append(("begin", context.task_name, (estimator, X, y, metadata)))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.calls.append(("end", context.task_name, fitted_estimator))
        if context.task_name == "epoch" and context.task_id == self.error_at:
            raise RuntimeError("from the callback")
        return context.task_name == "epoch" and context.task_id == self.stop_at

    def names(self):
        return [call[:2] for call in self.calls]

    def fitted(self, task="epoch"):
        return [call[2] for call in self.calls if call[:2] == ("end", task)]


def epochs(n):
    return [("begin", "epoch"), ("end", "epoch")] * n


def whole_fit(n):
    begin, end = [("setup", "fit"), ("begin", "fit")], [("end", "fit"), ("teardown", "fit")]
    return [*begin, *epochs(n), *end]


def state_of(estimator):
    """A hash of all that a fit leaves."""
    fitted = {
        name: value
        for name, value in vars(estimator).items()
        if name not in estimator.get_params() and "callback" not in name
    }
    return joblib.hash(fitted)


def same(one, other):
    assert_array_equal(one.network_.parameters, other.network_.parameters)
    assert_array_equal(one.network_.state, other.network_.state)
    assert one.loss_curve_ == other.loss_curve_
    assert one.validation_scores_ == other.validation_scores_
    assert one.validation_loss_curve_ == other.validation_loss_curve_
    assert (one.n_iter_, one.t_, one.loss_) == (other.n_iter_, other.t_, other.loss_)
    assert one.best_validation_score_ == other.best_validation_score_
    assert one._state.step == other._state.step
    assert one._state.rng.bit_generator.state == other._state.rng.bit_generator.state
    for moment, expected in zip(one._state.moments, other._state.moments, strict=True):
        assert_array_equal(moment, expected)


@pytest.mark.skipif(HAS_CALLBACKS, reason="scikit-learn has callbacks")
def test_before_scikit_learn_1_9_the_error_says_so(digits):
    with pytest.raises(NotImplementedError, match=r"needs scikit-learn 1\.9.*found 1\."):
        fast().set_callbacks(Recorder())
    assert fast().fit(*digits).n_iter_ == 3


@needs_callbacks
class TestProtocol:
    def test_each_epoch_is_a_task_of_the_fit(self, digits):
        recorder = Recorder()
        fast().set_callbacks(recorder).fit(*digits)
        assert recorder.names() == whole_fit(3)

    def test_hooks_receive_what_was_passed_to_fit(self, digits):
        recorder = Recorder()
        weights = np.linspace(1, 2, N)
        cnn = fast().set_callbacks(recorder).fit(*digits, sample_weight=weights)
        estimator, X, y, metadata = recorder.calls[1][2]
        assert estimator is cnn
        assert X is digits[0]
        assert y is digits[1]
        assert list(metadata) == ["sample_weight"]
        assert metadata["sample_weight"] is weights

    def test_validation_images_are_no_metadata(self, digits):
        recorder = Recorder()
        fast().set_callbacks(recorder).fit(*digits, X_val=digits[0], y_val=digits[1])
        assert recorder.calls[1][2][3] == {}

    def test_partial_fit_is_a_fit_of_one_epoch(self, digits):
        recorder = Recorder()
        cnn = fast(learning_rate=constant_rate).set_callbacks(recorder)
        cnn.partial_fit(*digits, classes=range(10)).partial_fit(*digits)
        assert recorder.names() == whole_fit(1) * 2

    @pytest.mark.parametrize("early_stopping", [False, True])
    def test_after_an_epoch_the_fitted_estimator_is_as_if_the_fit_had_ended(
        self, digits, early_stopping
    ):
        recorder = Recorder()
        settings = {"learning_rate": constant_rate, "n_iter_no_change": np.inf}
        settings["early_stopping"] = early_stopping
        fast(**settings).set_callbacks(recorder).fit(*digits)
        for n, fitted in enumerate(recorder.fitted(), start=1):
            same(fitted, fast(**settings, max_iter=n).fit(*digits))

    def test_it_is_a_copy(self, digits):
        recorder = Recorder()
        cnn = fast().set_callbacks(recorder).fit(*digits)
        first = recorder.fitted()[0]
        before = cnn.predict_proba(digits[0])
        first.network_.parameters[:] = 0
        first._state.moments[0][:] = 0
        first.loss_curve_.clear()
        assert_array_equal(cnn.predict_proba(digits[0]), before)
        assert len(cnn.loss_curve_) == 3
        assert not np.array_equal(cnn._state.moments[0], first._state.moments[0])

    @pytest.mark.parametrize("change", [{}, {"early_stopping": True}, {"solver": "muon"}])
    def test_callbacks_do_not_change_the_result(self, digits, change):
        expected = fast(**change).fit(*digits)
        observed = fast(**change).set_callbacks(Recorder()).fit(*digits)
        same(observed, expected)
        assert state_of(observed) == state_of(expected)

    def test_true_stops_the_fit(self, digits):
        recorder = Recorder(stop_at=1)
        cnn = fast().set_callbacks(recorder).fit(*digits)
        assert cnn.n_iter_ == 2
        assert recorder.names() == whole_fit(2)

    def test_an_error_leaves_the_estimator_as_it_was(self, digits):
        cnn = fast().fit(*digits)
        before = state_of(cnn)
        recorder = Recorder(error_at=0)
        with pytest.raises(RuntimeError, match="from the callback"):
            cnn.set_callbacks(recorder).set_params(random_state=1).fit(*digits)
        assert state_of(cnn) == before
        assert recorder.names()[-1] == ("teardown", "fit")

    def test_ctrl_c_ends_the_tasks_without_a_fitted_estimator(self, digits):
        recorder = Recorder()

        def interrupted(step):
            if step == 5:  # in the second epoch
                raise KeyboardInterrupt
            return 0.002

        cnn = fast(learning_rate=interrupted).set_callbacks(recorder)
        with pytest.warns(UserWarning, match="interrupted in epoch 2"):
            cnn.fit(*digits)
        assert recorder.names() == whole_fit(2)
        assert recorder.fitted()[0] is not None
        assert recorder.fitted()[1] is None
        assert recorder.fitted("fit") == [None]

    def test_hooks_run_under_the_users_floating_point_settings(self, digits):
        found = []

        class Errors(Recorder):
            def on_fit_task_end(self, estimator, context):
                found.append(np.geterr()["invalid"])

        with np.errstate(invalid="raise"):
            fast().set_callbacks(Errors()).fit(*digits)
        assert found == ["raise"] * 4

    def test_clones_share_the_callbacks(self, digits):
        recorder = Recorder()
        clone(fast().set_callbacks(recorder)).fit(*digits)
        assert recorder.names() == whole_fit(3)

    def test_the_tasks_are_forgotten(self, digits):
        cnn = fast().set_callbacks(Recorder()).fit(*digits)
        assert {name for name in vars(cnn) if "callback" in name} == {"_skl_callbacks"}
        plain = fast().fit(*digits)
        assert not {name for name in vars(plain) if "callback" in name or name == "_unfinished"}
        assert len(pickle.dumps(cnn.set_callbacks())) == len(pickle.dumps(plain))

    def test_the_regressor_and_the_autoencoder_have_callbacks(self, digits):
        X, y = digits
        for estimator in (
            ConvNetRegressor(n_filters=4, max_iter=2, random_state=0),
            ConvAutoencoder(n_filters=4, max_iter=2, random_state=0),
        ):
            recorder = Recorder()
            estimator.set_callbacks(recorder).fit(X, y.astype(float))
            assert recorder.names() == whole_fit(2)


@needs_callbacks
class TestScikitLearnsCallbacks:
    def test_scoring_monitor(self, digits):
        from sklearn.callback import ScoringMonitor

        monitor = ScoringMonitor(scoring="accuracy")
        cnn = fast().set_callbacks(monitor).fit(*digits)
        rows = monitor.get_logs().data
        assert [row["task_name"] for row in rows] == ["fit"] + ["epoch"] * 3
        assert rows[0]["accuracy"] == rows[-1]["accuracy"] == cnn.score(*digits)

    def test_scoring_monitor_of_an_autoencoder(self, digits):
        from sklearn.callback import ScoringMonitor

        def score(estimator, X, y):
            return estimator.score(X, y)

        monitor = ScoringMonitor(scoring={"score": score})
        autoencoder = ConvAutoencoder(n_filters=4, max_iter=2, random_state=0)
        autoencoder.set_callbacks(monitor).fit(digits[0])
        scores = [row["score"] for row in monitor.get_logs().data]
        assert scores[0] == scores[-1] == autoencoder.score(digits[0])
        assert scores[1] < scores[2]

    def test_scoring_monitor_uses_sample_weights(self, digits):
        from sklearn.callback import ScoringMonitor

        X, y = digits
        monitor = ScoringMonitor(scoring="accuracy")
        cnn = fast(max_iter=1).set_callbacks(monitor)
        weights = np.where(y == 0, 10.0, 1.0)
        cnn.fit(X, y, sample_weight=weights)
        assert monitor.get_logs().data[-1]["accuracy"] == cnn.score(X, y, sample_weight=weights)

    def test_in_a_pipeline(self, digits):
        from sklearn.callback import ScoringMonitor

        X, y = digits
        monitor = ScoringMonitor(scoring="accuracy")
        cnn = fast().set_callbacks(monitor)
        make_pipeline(StandardScaler(), cnn).fit(X.reshape(N, -1), y)
        assert len(monitor.get_logs().data) == 4

    def test_in_a_grid_search_with_processes(self, digits):
        from sklearn.callback import ScoringMonitor

        monitor = ScoringMonitor(scoring="accuracy")
        cnn = fast(max_iter=2).set_callbacks(monitor)
        search = GridSearchCV(cnn, {"alpha": [0.0, 1.0]}, cv=2, n_jobs=2).fit(*digits)
        rows = monitor.get_logs().data
        assert len(rows) == (2 * 2 + 1) * 3
        assert search.score(*digits) in {row["accuracy"] for row in rows}

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_progress_bar(self, digits, n_jobs, capfd):
        from sklearn.callback import ProgressBar

        X, y = digits
        pipeline = make_pipeline(StandardScaler(), fast(max_iter=2))
        search = GridSearchCV(pipeline, {"convnetclassifier__alpha": [0, 1]}, cv=2, n_jobs=n_jobs)
        search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X.reshape(N, -1), y)
        output = capfd.readouterr().out
        assert "ConvNetClassifier - fit" in output
        assert "100%" in output

    def test_progress_bar_alone(self, digits, capfd):
        from sklearn.callback import ProgressBar

        fast().set_callbacks(ProgressBar()).fit(*digits)
        assert "100%" in capfd.readouterr().out


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
        with pytest.raises(ValueError, match="200 images, whose y differs; expected"):
            resume_fit(path, X, y[::-1])

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
