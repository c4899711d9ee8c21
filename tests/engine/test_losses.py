"""Losses and probabilities: extreme outputs, weights of zero, float32 and float64."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.training.losses import (
    LOSSES,
    SigmoidCrossEntropy,
    SigmoidSquaredError,
    SoftmaxCrossEntropy,
    SquaredError,
)

ALL = [SoftmaxCrossEntropy(), SigmoidSquaredError(), SigmoidCrossEntropy(), SquaredError()]
DTYPES = [np.float32, np.float64]
EXTREMES = np.array(
    [
        [1e30, -1e30, 0],
        [-1e30, -1e30, -1e30],
        [1e30, 1e30, 1e30],
        [88.8, -88.8, 104],
        [1e-45, -1e-45, 0],
        [1e4, 0, -1e4],
    ]
)
TARGETS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.9, 0.05, 0.05], [1, 0, 0], [0, 1, 0]])


def compute(loss, z, targets, weights, dtype):
    """The loss and its gradient."""
    z = np.array(z, dtype)
    targets, weights = np.array(targets, dtype), np.array(weights, dtype).reshape(-1, 1)
    dz = np.full_like(z, np.nan)
    with np.errstate(under="ignore", over="raise", divide="raise", invalid="raise"):
        return loss.loss(z, targets, weights, dz), dz


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_extreme_outputs_give_finite_losses_and_gradients(loss, dtype):
    """Without overflow or an invalid operation; squares of 1e30 need float64."""
    for z, target in zip(EXTREMES, TARGETS, strict=True):
        if isinstance(loss, SquaredError) and dtype is np.float32:
            z = np.clip(z, -1e18, 1e18)
        value, dz = compute(loss, [z], [target], [1.0], dtype)
        assert np.isfinite(value)
        assert value >= 0
        assert np.isfinite(dz).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_at_the_extremes(dtype):
    one, none = [[1.0, 0.0]], [1.0]
    for z, target, expected, gradient in (
        ([1e30, -1e30], [1, 0], 0, [0, 0]),
        ([-1e30, 1e30], [1, 0], 2e30, [-1, 1]),
        ([1e30, 1e30], [1, 0], np.log(2), [-0.5, 0.5]),
    ):
        value, dz = compute(SoftmaxCrossEntropy(), [z], [target], none, dtype)
        assert value == pytest.approx(expected, rel=1e-6)
        assert_allclose(dz, [gradient], atol=1e-7)
    for z, expected, gradient in (
        ([1e30, -1e30], 0, [0, 0]),
        ([-1e30, 1e30], 2e30, [-1, 1]),
        ([0, 0], 2 * np.log(2), [-0.5, 0.5]),
    ):
        value, dz = compute(SigmoidCrossEntropy(), [z], one, none, dtype)
        assert value == pytest.approx(expected, rel=1e-6)
        assert_allclose(dz, [gradient], atol=1e-7)
    for z, expected in (([1e30, -1e30], 0), ([-1e30, 1e30], 1)):
        value, dz = compute(SigmoidSquaredError(), [z], one, none, dtype)
        assert value == pytest.approx(expected)
        assert_array_equal(dz, 0)


@pytest.mark.parametrize("loss", ALL, ids=repr)
@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("column", [0, 1])
def test_outputs_that_are_not_finite_are_never_hidden(loss, wrong, column):
    """By saturation or a target of zero: the training must stop."""
    z = np.zeros((2, 2), np.float32)
    z[1, column] = wrong
    dz = np.empty_like(z)
    with np.errstate(all="ignore"):
        value = loss.loss(z, np.eye(2, dtype=np.float32), np.ones((2, 1), np.float32), dz)
    assert not np.isfinite(value)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_weights_of_zero(loss):
    """No loss and no gradient, however wrong the output is."""
    z = np.clip(EXTREMES, -1e18, 1e18)
    value, dz = compute(loss, z, TARGETS, np.zeros(len(z)), np.float32)
    assert value == 0
    assert_array_equal(dz, 0)
    weights = np.zeros(len(z))
    weights[3] = 2.5
    value, dz = compute(loss, z, TARGETS, weights, np.float32)
    alone, dz_alone = compute(loss, z[3:4], TARGETS[3:4], [2.5], np.float32)
    assert value == pytest.approx(alone)
    assert_array_equal(dz[3:4], dz_alone)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_float32_is_as_close_to_float64_as_its_rounding(loss):
    """Within 4 units in the last place of the largest term."""
    rng = np.random.default_rng(0)
    for scale in (1e-3, 1, 30, 1e4):
        z = (rng.standard_normal((200, 10)) * scale).astype(np.float32)
        targets = np.eye(10)[rng.integers(10, size=200)]
        weights = rng.random(200)
        single = compute(loss, z, targets, weights, np.float32)
        double = compute(loss, z, targets, weights, np.float64)
        assert single[0] == pytest.approx(double[0], rel=1e-5)
        error = np.abs(single[1] - double[1]).max()
        assert error < 4 * np.finfo(np.float32).eps * max(1.0, np.abs(double[1]).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_log_probabilities_of_extreme_outputs(name, dtype):
    z = np.concatenate([EXTREMES, np.array([[-1e30, -2e30, -3e30]])]).astype(dtype)
    out = np.full_like(z, np.nan)
    with np.errstate(under="ignore", over="raise", divide="raise", invalid="raise"):
        LOSSES[name].log_probabilities(z, out)
    assert np.isfinite(out).all()
    assert_allclose(np.exp(out).sum(axis=1), 1, rtol=1e-5)
    assert_array_equal(out.argmax(axis=1)[[0, 5, 6]], [0, 0, 0])
    assert_allclose(np.exp(out[1]), 1 / 3, rtol=1e-6)
    in_place = z.copy()
    with np.errstate(under="ignore"):
        LOSSES[name].log_probabilities(in_place, in_place)
    assert_array_equal(in_place, out)
