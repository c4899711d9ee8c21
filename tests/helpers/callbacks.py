"""Shared by the tests of callbacks and of checkpoints."""

import joblib
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.utils.fixes import parse_version

HAS_CALLBACKS = parse_version(sklearn.__version__) >= parse_version("1.9.0")
needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has no callbacks")


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
