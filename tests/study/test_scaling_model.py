"""`examples/benchmarks/scaling_model.py`: a model of many cores, and the part that prints it."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    assert found[0] == 1.0
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


@pytest.mark.slow  # each process imports everything
def test_processes_keep_the_other_cores_busy(model, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import scaling_costs

    found = scaling_costs.slowdowns("default-8x8", [1, 2], 1)
    assert found[1] == 1.0
    assert found[2] > 0.2
