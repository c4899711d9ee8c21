"""`examples/benchmarks/scaling_model.py`: a model of many cores, and the part that prints it."""

import contextlib
import math
import multiprocessing
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skcnn.engine.runtime.calls import describe

BENCHMARKS = Path(__file__).parents[2] / "examples" / "benchmarks"
seconds = st.floats(0, 10)
tasks = st.lists(st.tuples(seconds, seconds), min_size=1, max_size=6)
counts = st.integers(1, 9)


@pytest.fixture(scope="module")
def model():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(BENCHMARKS)
        import scaling_model

        yield scaling_model


@pytest.fixture
def costs(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import scaling_costs

    return scaling_costs


@given(task=tasks, n_tasks=counts, n_threads=counts)
def test_equal_tasks_without_a_lock_take_as_long_as_their_rounds(model, task, n_tasks, n_threads):
    found = model.simulate([model.without_lock(task)] * n_tasks, n_threads)
    assert found == pytest.approx(math.ceil(n_tasks / n_threads) * model.seconds_of(task))


@given(held=st.lists(seconds, min_size=1, max_size=6), n_tasks=counts, n_threads=counts)
def test_tasks_that_always_hold_the_lock_run_one_after_another(model, held, n_tasks, n_threads):
    found = model.simulate([[(piece, 0.0) for piece in held]] * n_tasks, n_threads)
    assert found == pytest.approx(n_tasks * sum(held))


@given(task=tasks, n_tasks=counts, n_threads=counts)
def test_the_time_is_between_its_limits(model, task, n_tasks, n_threads):
    found = model.simulate([task] * n_tasks, n_threads)
    rounds = math.ceil(n_tasks / n_threads) * model.seconds_of(task)
    locked = n_tasks * sum(held for held, _ in task)
    assert found >= max(rounds, locked) * (1 - 1e-9)
    assert found <= n_tasks * model.seconds_of(task) * (1 + 1e-9)


def test_handing_over_the_lock_by_hand(model):
    task = [(1.0, 1.0)]
    assert model.simulate([task] * 2, 1) == 4.0
    # The second thread sleeps until 1.
    assert model.simulate([task] * 2, 2) == 3.0
    # It runs at 1.5; the first one, which wakes it, at 1.25.
    assert model.simulate([task] * 2, 2, model.HandOver(signal=0.25, wake=0.5)) == 3.5
    # It is woken for 3, finds that the first one has had the lock since 2.25, and is woken for 5.25
    # when the lock has been free since 3.25.
    assert model.simulate([[(1.0, 1.0)] * 2, task], 2, model.HandOver(0.25, 2.0)) == 7.25


def costs_of(model, n_tiles=16, held=0.05):
    tile = [(held, 0.95 - held), (held, 0.1 - held)]
    shares = {k: [[(0.01, 0.39 / k)]] * k for k in (1, 2, 4, 8, 16)}
    start = [0.001 * k for k in range(17)]
    return model.StepCosts(0.5, [tile] * n_tiles, shares, start, model.HandOver(0.001, 0.002))


def test_a_step_is_the_sum_of_its_parts(model):
    costs = costs_of(model, n_tiles=3)
    without = model.predict(costs, 2, lock=False)
    assert without == pytest.approx(0.5 + (0.002 + 2 * 1.05) + (0.002 + 0.01 + 0.195))
    slower = model.predict(costs, 2, lock=False, slowdown=2.0)
    assert slower == pytest.approx(0.5 + (0.002 + 4 * 1.05) + (0.002 + 0.02 + 0.39))
    # One tile is on one thread, which nothing slows down.
    one_tile = model.predict(costs_of(model, n_tiles=1), 2, lock=False, slowdown=2.0)
    assert one_tile == pytest.approx(0.5 + (0.001 + 1.05) + (0.002 + 0.02 + 0.39))


@pytest.mark.parametrize("lock", [True, False])
def test_more_cores_are_no_slower(model, lock):
    costs = costs_of(model)
    found = [model.speed_up(costs, k, lock=lock) for k in (1, 2, 4, 8, 16)]
    assert found == sorted(found)
    assert found[-1] > 5


def test_the_lock_limits_the_speed_up(model):
    for k in (2, 4, 8, 16):
        costs = costs_of(model)
        without = model.speed_up(costs, k, lock=False)
        assert model.speed_up(costs, k, lock=True) < without <= k
    # 16 tiles need the lock for 0.2 of 1.05 seconds each.
    costs = costs_of(model, held=0.1)
    assert model.speed_up(costs, 16, lock=True) < 1.05 / 0.2


def test_the_part_measures_predicts_and_compares(model, monkeypatch, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import networks
    import scaling

    settings = {"n_filters": (4,), "hidden_layer_sizes": (), "normalization": "batch"}
    monkeypatch.setitem(networks.NETWORKS, "tiny", ((8, 8, 1), settings))
    monkeypatch.setattr(scaling, "slowdowns", lambda name, cores, rounds: {1: 1.0, 2: 1.5})
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    scaling.by_model(1, networks=("tiny",), batches=(64, 512), n_images=512)
    lines = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    predicted = [row for row in cells if row[0] == "tiny" and len(row) == 10]
    compared = [row for row in cells if row[0] == "tiny" and len(row) == 7]
    assert [row[1:3] for row in predicted] == [["64", "1"], ["512", "8"]]
    for row in predicted:
        with_lock, without = zip(*(map(float, cell.split(" / ")) for cell in row[6:]), strict=True)
        assert all(found > 0 for found in with_lock)
        assert all(0 < found <= 8 for found in without)
    assert [row[1:3] for row in compared] == [["64", "2"], ["512", "2"]]
    for row in compared:
        assert all(float(cell) > 0 for cell in row[3:6])
    assert "tiny: mini-batches of 512 images have work for 8 threads" in "\n".join(lines)


def test_one_core_has_nothing_to_compare(model, monkeypatch, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import scaling

    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    scaling.by_model(1, networks=("default-8x8",), batches=(64,), n_images=64)
    out = capsys.readouterr().out
    assert "default-8x8: mini-batches of up to 64 images have fewer than 8 tiles." in out
    assert "one core" in out


# --- what the model gets: the time of each call, with the lock and without it ---------------------


@pytest.fixture
def clock(costs, monkeypatch):
    """A clock that only `takes` moves."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(costs, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def takes(clock, handled, free, *, first=0.0):
    """A call of `handled` seconds, and `free` ones in addition for more than one element.

    The first time, it takes `first` seconds more.
    """
    delays = [first, first]  # on one element, and on all

    def work(array):
        clock.now += handled + free * (array.size > 1) + (delays.pop() if delays else 0.0)

    return partial(work, np.zeros((2, 3)))


def trainer_of(forward, backward):
    """What `pieces_of_layers` needs: the calls of a tile of any size, by layer."""
    workspace = SimpleNamespace(forward_calls=forward, backward_calls=backward)
    return SimpleNamespace(
        network=None, buffers=lambda thread, n: SimpleNamespace(workspace=workspace)
    )


def test_pieces_are_the_calls_in_order_with_their_medians(costs, clock):
    forward = [[takes(clock, 0.25, 1.0, first=50.0), takes(clock, 0.5, 2.0)], []]
    backward = [[takes(clock, 0.125, 0.0)], [takes(clock, 0.5, -0.25), takes(clock, 1.0, 0.5)]]
    found = costs.pieces_of_layers(trainer_of(forward, backward), 32, 3)
    # The fourth call takes less time on all elements than on one.
    assert found == [(0.25, 1.0), (0.5, 2.0), (0.25, 0.0), (1.0, 0.5), (0.125, 0.0)]


@pytest.mark.parametrize(
    ("seconds", "before"),
    [
        # The layers take 4 seconds. Of a tile of one image, reading and loss take 0.75.
        (7.0, [(0.25, 0.75)] * 3),
        (4.5, [(0.25, 0.0)] * 2),  # all of the rest is handling
        (3.0, [(0.0, 0.0)]),
    ],
)
def test_a_tile_is_its_layers_and_the_reading_and_the_loss(
    costs, clock, monkeypatch, seconds, before
):
    one = trainer_of([[takes(clock, 0.25, 0.0)]], [[]])
    monkeypatch.setattr(costs, "new_trainer", lambda *args: one)
    monkeypatch.setattr(costs, "recorded", lambda trainer, n_rounds: (9.0, 1.0, []))
    trainer = trainer_of([[takes(clock, 0.25, 1.0)]], [[takes(clock, 0.25, 2.5)]])
    found = costs.tile_task(trainer, 32, seconds, 2)
    assert found == [*before, (0.25, 1.0), (0.25, 2.5)]


def test_the_same_call_on_one_element(costs):
    """Of arguments, of keywords, of namespaces, and of the array to which a method belongs."""
    x, total, out = np.ones((2, 3)), np.zeros(3), np.zeros((2, 3))
    m = SimpleNamespace(x=x, y=np.zeros((2, 3)))

    def double(m, factor):
        np.multiply(m.x, factor, m.y)

    for call in (
        partial(np.add, x, 2.0, out=out),
        partial(np.add.reduce, x, 0, None, total),
        partial(double, m, 2.0),
        partial(x.fill, 7.0),
    ):
        costs.one_element(call)()
    assert_array_equal(out, [[3.0, 0, 0], [0, 0, 0]])
    assert_array_equal(total, [1.0, 0, 0])
    assert m.y[0, 0] == 2.0
    assert np.count_nonzero(m.y) == 1
    assert_array_equal(x, [[7.0, 1, 1], [1, 1, 1]])
    count = np.zeros(())
    costs.one_element(partial(count.fill, 5.0))()
    assert count == 5.0


@pytest.mark.parametrize("name", ["default", "same-3x3-batch-norm"])
def test_no_call_of_a_tile_has_more_than_one_element(costs, name):
    trainer = costs.new_trainer(costs.build(name), 2, costs.Recorder(1), 2)
    workspace = trainer.buffers(0, 2).workspace
    calls = [
        call
        for by_layer in (workspace.forward_calls, workspace.backward_calls)
        for of_layer in by_layer
        for call in of_layer
    ]
    assert any(getattr(call.func, "__name__", None) == "fill" for call in calls)
    for call in calls:
        small = costs.one_element(call)
        owner = getattr(small.func, "__self__", None)
        values = [owner, *small.args, *small.keywords.values()]
        sizes = [value.size for value in values if isinstance(value, np.ndarray)]
        assert sizes, describe(call)
        assert max(sizes) == 1, describe(call)


# --- the processes beside a measurement -----------------------------------------------------------


def test_slowdowns_are_ratios_to_a_tile_alone(costs, monkeypatch):
    busy = []

    @contextlib.contextmanager
    def busy_processes(name, n):
        busy.append(n)
        yield
        busy.append(0)

    monkeypatch.setattr(costs, "busy_processes", busy_processes)
    monkeypatch.setattr(costs, "recorded", lambda trainer, n_rounds: (9.0, 2.0 + busy[-1], []))
    assert costs.slowdowns("default-8x8", [1, 2, 4], 1) == {1: 1.0, 2: 1.5, 4: 2.5}
    assert busy == [0, 0, 1, 0, 3, 0]


def test_a_busy_process_ends_with_its_parent(costs, monkeypatch):
    alive = iter([True, True, False])
    parent = SimpleNamespace(is_alive=lambda: next(alive))
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: parent)
    epochs = []
    monkeypatch.setattr(costs, "train", epochs.append)
    ready = threading.Event()
    costs._keep_busy("default-8x8", ready)
    assert len(epochs) == 2
    assert ready.is_set()


def test_a_process_that_exits_or_hangs_is_an_error(costs, monkeypatch):
    exited = SimpleNamespace(is_alive=lambda: False, exitcode=3)
    with pytest.raises(RuntimeError, match="has exited with code 3; expected it to train"):
        costs.wait_until_ready(exited, threading.Event())
    monkeypatch.setattr(costs, "STARTING", 0)
    hanging = SimpleNamespace(is_alive=lambda: True, exitcode=None)
    with pytest.raises(RuntimeError, match="has not trained an epoch in 0 seconds"):
        costs.wait_until_ready(hanging, threading.Event())


@pytest.mark.slow  # each process imports everything
def test_processes_run_until_the_measurement_ends(costs):
    with costs.busy_processes("default-8x8", 2) as processes:
        assert len(processes) == 2
        assert all(process.is_alive() for process in processes)
    assert not any(process.is_alive() for process in processes)
