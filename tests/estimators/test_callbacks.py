"""Callbacks: scikit-learn's protocol and its own callbacks.

`test_checkpoint.py` tests `Checkpoint` and `resume_fit`.
"""

import pickle
import threading

import numpy as np
import pytest
from helpers.callbacks import HAS_CALLBACKS, Recorder, needs_callbacks, same, state_of, whole_fit
from helpers.quick import constant_rate, fast
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcnn import ConvAutoencoder, ConvNetRegressor
from skcnn.datasets import load_digits_images

N = 200


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_images()
    return X[:N], y[:N]


def arrays_in(value, seen=None):
    """All arrays that can be reached from an object and written to."""
    seen = {} if seen is None else seen
    if id(value) in seen:
        return
    seen[id(value)] = value
    if isinstance(value, np.ndarray):
        if value.flags.writeable and value.dtype != object:
            yield value
        return
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, list | tuple | set):
        parts = list(value)
    else:
        parts = [*vars(value).values()] if hasattr(value, "__dict__") else []
        parts += [getattr(value, name, None) for name in getattr(value, "__slots__", ())]
    for part in parts:
        if not callable(part) and not isinstance(part, type):
            yield from arrays_in(part, seen)


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

    @pytest.mark.parametrize("task", ["epoch", "fit"])
    def test_it_is_a_copy(self, digits, task):
        recorder = Recorder()
        settings = {
            "normalization": "batch",
            "early_stopping": True,
            "learning_rate": constant_rate,
        }
        cnn = fast(**settings).set_callbacks(recorder).fit(*digits)
        before = state_of(cnn)
        for fitted in recorder.fitted(task):
            fitted.drop_optimizer_state()
            for array in arrays_in(fitted):
                array.fill(0)
            fitted.loss_curve_.clear()
            fitted.validation_scores_.append(2.0)
        assert state_of(cnn) == before

    def test_what_a_callback_drops_the_estimator_keeps(self, digits):
        class Dropper(Recorder):
            def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
                fitted_estimator.drop_optimizer_state()

        cnn = fast().set_callbacks(Dropper()).fit(*digits)
        same(cnn.partial_fit(*digits), fast().fit(*digits).partial_fit(*digits))

    def test_what_cannot_be_copied_is_shared(self, digits):
        cnn = fast(max_iter=1)
        cnn._lock = threading.Lock()
        recorder = Recorder()
        cnn.set_callbacks(recorder).fit(*digits)
        assert recorder.fitted("fit")[0]._lock is cnn._lock

    def test_parameters_that_a_callback_sets_stay_set(self, digits):
        class Setter(Recorder):
            def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
                if context.task_name == "epoch":
                    estimator.set_params(max_iter=50)
                    estimator.note = "seen"

        cnn = fast()
        cnn.note = "new"
        cnn.set_callbacks(Setter()).fit(*digits)
        assert (cnn.max_iter, cnn.note, cnn.n_iter_) == (50, "seen", 3)

    def test_the_copy_has_nothing_of_an_earlier_fit(self, digits):
        pandas = pytest.importorskip("pandas")
        X, y = digits[0].reshape(N, -1), digits[1]
        table = pandas.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
        recorder = Recorder()
        cnn = fast(max_iter=1).fit(table, y).set_callbacks(recorder).fit(X, y)
        for fitted in recorder.fitted() + recorder.fitted("fit"):
            assert not hasattr(fitted, "feature_names_in_")
            assert_array_equal(fitted.predict(X), cnn.predict(X))  # without a warning

    def test_the_copy_has_no_callbacks(self, digits):
        recorder = Recorder()
        recorder.without_pickle = lambda: None
        fast().set_callbacks(recorder).fit(*digits)
        for fitted in recorder.fitted() + recorder.fitted("fit"):
            pickle.dumps(fitted)
            fitted.partial_fit(*digits)
        assert recorder.names() == whole_fit(3)

    @pytest.mark.parametrize("change", [{}, {"early_stopping": True}, {"solver": "muon"}])
    def test_callbacks_do_not_change_the_result(self, digits, change):
        expected = fast(**change).fit(*digits)
        observed = fast(**change).set_callbacks(Recorder()).fit(*digits)
        same(observed, expected)
        assert state_of(observed) == state_of(expected)

    def test_max_time_begins_no_further_epoch(self, digits):
        recorder = Recorder()
        cnn = fast(max_time=1e-9).set_callbacks(recorder).fit(*digits)
        assert recorder.names() == whole_fit(1)
        assert_array_equal(recorder.fitted()[0].predict(digits[0]), cnn.predict(digits[0]))

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
