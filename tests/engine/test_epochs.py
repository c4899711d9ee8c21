"""The loop over epochs: the order of the images, schedules and the time limit."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skcnn.engine.layers import Dense, Flatten
from skcnn.engine.network import Network
from skcnn.engine.training import loop
from skcnn.engine.training.loop import batches, run_epochs
from skcnn.engine.training.losses import SoftmaxCrossEntropy
from skcnn.engine.training.optimizers import SGD
from skcnn.engine.training.schedules import SCHEDULES
from skcnn.engine.training.settings import EpochSettings, StepSettings, TrainingState


class Recorder:
    """Replaces a trainer and records the arguments of each step."""

    def __init__(self):
        self.network = Network([Flatten(), Dense(2)], (4, 4, 1))
        self.settings = None
        self.batches, self.steps, self.rates, self.momenta = [], [], [], []

    def step(self, indices, *, step, rate, momentum):
        self.batches.append(indices.copy())
        self.steps.append(step)
        self.rates.append(rate)
        self.momenta.append(momentum)
        return float(len(self.steps))


def record_epochs(
    recorder, n_images=10, state=None, after_epoch=None, before_epoch=lambda: None, **changes
):
    """Run epochs; return the losses that `after_epoch` received, and the state."""
    losses = []
    state = state or TrainingState.new(recorder.network, SGD(), np.random.default_rng(0))
    settings = {
        "n_epochs": 3,
        "rate": lambda step, progress: progress,
        "momentum": lambda step: 0.9,
    }
    recorder.settings = StepSettings(SoftmaxCrossEntropy(), SGD(), batch_size=4)
    recorder.state = state
    run_epochs(
        recorder,
        EpochSettings(**settings | changes),
        100 + np.arange(n_images),
        after_epoch or losses.append,
        before_epoch=before_epoch,
    )
    return losses, state


def test_epochs_shuffle_and_use_every_image_once():
    recorder = Recorder()
    _, state = record_epochs(recorder)
    assert [len(batch) for batch in recorder.batches] == [4, 4, 2] * 3
    orders = [np.concatenate(recorder.batches[i : i + 3]) for i in (0, 3, 6)]
    for order in orders:
        assert_array_equal(np.sort(order), 100 + np.arange(10))
    assert len({tuple(order) for order in orders}) == 3
    assert (state.step, state.n_seen) == (9, 30)
    assert recorder.steps == list(range(1, 10))

    recorder = Recorder()
    record_epochs(recorder, shuffle=False)
    assert_array_equal(np.concatenate(recorder.batches), list(range(100, 110)) * 3)


@pytest.mark.parametrize(
    ("n", "size", "expected"),
    [
        (10, 4, [4, 4, 2]),
        (9, 4, [4, 4, 1]),
        (65, 64, [33, 32]),
        (129, 64, [64, 33, 32]),
        (79, 64, [40, 39]),
        (80, 64, [64, 16]),
        (128, 64, [64, 64]),
        (5, 64, [5]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_mini_batches(n, size, expected):
    """No mini-batch but a single one has less than a quarter of the images."""
    found = list(batches(np.arange(n), size))
    assert [len(batch) for batch in found] == expected
    assert_array_equal(np.concatenate(found), np.arange(n))


def test_epochs_can_draw_with_replacement():
    """An epoch keeps its size; each draw takes every image with the same probability."""
    recorder = Recorder()
    _, state = record_epochs(recorder, n_images=100, n_epochs=200, shuffle="replacement")
    drawn = np.concatenate(recorder.batches)
    assert len(drawn) == state.n_seen == 20_000
    counts = np.bincount(drawn - 100, minlength=100)
    # six standard deviations of a binomial count
    assert np.abs(counts - 200).max() < 6 * np.sqrt(200)
    assert len(np.unique(drawn[:100])) < 80


def test_rate_and_momentum_are_computed_in_each_step():
    """The rate depends on the step and on the progress in this call, the momentum on the step."""
    recorder = Recorder()
    calls = []

    def rate(step, progress):
        calls.append((step, progress))
        return 100.0 + step

    _, state = record_epochs(recorder, rate=rate, momentum=lambda step: step / 10)
    assert calls == [(step, pytest.approx(step / 9)) for step in range(9)]
    assert recorder.rates == [100.0 + step for step in range(9)]
    assert recorder.momenta == [step / 10 for step in range(9)]
    # a second call continues to count steps; progress starts at 0 again
    calls.clear()
    record_epochs(recorder, state=state, rate=rate, momentum=lambda step: step / 10, n_epochs=1)
    assert calls == [(9 + step, pytest.approx(step / 3)) for step in range(3)]
    assert recorder.steps == list(range(1, 13))
    assert recorder.momenta == [step / 10 for step in range(12)]


def test_after_epoch_receives_the_mean_loss_and_can_stop():
    recorder = Recorder()
    losses, _ = record_epochs(recorder)
    # losses 1, 2, 3 of batches with 4, 4 and 2 images
    assert losses == pytest.approx([(4 * 1 + 4 * 2 + 2 * 3) / 10, 4.8, 7.8])
    received = []
    recorder = Recorder()
    record_epochs(
        recorder, n_epochs=50, after_epoch=lambda loss: received.append(loss) or len(received) == 2
    )
    assert len(received) == 2
    assert len(recorder.steps) == 6


@pytest.fixture
def clock(monkeypatch):
    """A clock that advances by 0.1 seconds with each step of a `Recorder`."""
    clock = SimpleNamespace(now=1000.0)

    def step(self, indices, **arguments):
        clock.now += 0.1
        return original_step(self, indices, **arguments)

    original_step = Recorder.step
    monkeypatch.setattr(Recorder, "step", step)
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def test_max_time_stops_within_an_epoch_and_drives_the_schedule(clock):
    recorder = Recorder()
    losses, state = record_epochs(
        recorder, n_images=4000, n_epochs=100, max_time=9.95, rate=SCHEDULES["one_cycle"]
    )
    assert len(recorder.steps) == 100
    assert state.n_seen == 400
    assert losses == [pytest.approx(np.mean(recorder.steps))]  # over the completed steps
    # the rate follows the clock, although only 100 of 100,000 steps were done
    expected = [SCHEDULES["one_cycle"](0, step * 0.1 / 9.95) for step in range(100)]
    assert recorder.rates == pytest.approx(expected)
    assert recorder.rates[-1] < 0.01


def test_the_last_epoch_may_end_before_max_time(clock):
    recorder = Recorder()
    losses, _ = record_epochs(recorder, max_time=2.0, rate=lambda step, progress: progress)
    assert len(losses) == 3
    # the rate follows the steps, which are further advanced than the clock
    assert recorder.rates == pytest.approx(np.arange(9) / 9)


@pytest.mark.parametrize("max_time", [0.55, 0.6, 0.65])
def test_no_epoch_begins_after_max_time(clock, max_time):
    """Each epoch takes 0.3 seconds."""
    begun = []
    losses, _ = record_epochs(
        Recorder(), n_epochs=5, max_time=max_time, before_epoch=lambda: begun.append(clock.now)
    )
    assert len(begun) == len(losses) == (3 if max_time > 0.6 else 2)


def test_at_least_one_step_is_done(clock):
    recorder = Recorder()
    losses, _ = record_epochs(recorder, max_time=1e-9)
    assert len(recorder.steps) == len(losses) == 1


def test_shapes_of_the_schedules():
    progress = np.linspace(0, 1, 501)
    rates = np.array([SCHEDULES["one_cycle"](0, p) for p in progress])
    peak = rates.argmax()
    assert rates[0] < 0.3
    assert rates.max() == pytest.approx(1, abs=1e-6)
    assert rates[-1] == pytest.approx(0, abs=1e-6)
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()
    assert 0.05 < progress[peak] < 0.5
    for step in (0, 3, 99):
        for p in (0.0, 0.5, 1.0):
            assert SCHEDULES["linear"](step, p) == 1 - p
            assert SCHEDULES["constant"](step, p) == 1
            assert SCHEDULES["invscaling"](step, p) == pytest.approx(1 / math.sqrt(step + 1))
