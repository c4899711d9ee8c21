"""A model of a training step on any number of cores, from times measured on one thread.

A step consists of tiles of images, shares of the optimizer step, and a serial part
(`skcnn.engine.training.trainer`). Threads take tiles and shares in order. A call to NumPy needs the
interpreter's lock while Python handles the call, and releases it while NumPy computes. So a task is
a list of pieces: seconds with the lock, then seconds without it. `simulate` lets threads work on
such tasks. The model ignores memory bandwidth: it assumes that a thread computes as fast beside
others as it does alone.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Task = Sequence[tuple[float, float]]  # pieces: seconds with the lock, seconds without it
RELEASE, REQUEST = 0, 1  # of the lock; at the same time, a release comes first


@dataclass(frozen=True)
class HandOver:
    """What it costs to hand a lock over to a thread that sleeps until it is free, in seconds.

    Attributes
    ----------
    signal : float
        For the thread that releases the lock, to wake the other one.
    wake : float
        From the release until the other thread runs.
    """

    signal: float = 0.0
    wake: float = 0.0


@dataclass(frozen=True)
class StepCosts:
    """What a step of one network with one batch size consists of. All times are in seconds.

    Attributes
    ----------
    serial : float
        Everything that is neither in a tile nor in a share of the optimizer step.
    tiles : sequence of tasks
    shares : mapping
        The shares of the optimizer step, as tasks, for each number of threads.
    start : sequence of float
        ``start[k]``: to start and to await k threads.
    hand_over : HandOver
    """

    serial: float
    tiles: Sequence[Task]
    shares: Mapping[int, Sequence[Task]]
    start: Sequence[float]
    hand_over: HandOver


def seconds_of(task: Task) -> float:
    return sum(held + free for held, free in task)


def held_share(task: Task) -> float:
    """The share of a task's time in which it has the lock."""
    return sum(held for held, _ in task) / seconds_of(task)


def without_lock(task: Task) -> Task:
    return [(0.0, seconds_of(task))]


def slowed(task: Task, factor: float) -> Task:
    return [(held * factor, free * factor) for held, free in task]


def simulate(tasks: Sequence[Task], n_threads: int, hand_over: HandOver | None = None) -> float:
    """Seconds until `n_threads` threads have done the tasks.

    A thread that finds the lock taken sleeps. Each release wakes the thread that has slept longest.
    If another thread has taken the lock before it runs, it sleeps again. This is how CPython hands
    over the lock, apart from its time limit of five milliseconds.
    """
    hand_over = hand_over or HandOver()
    waiting_tasks, sleeping = deque(tasks), deque[int]()
    pieces: list[list[tuple[float, float]]] = [[] for _ in range(n_threads)]
    free = [0.0] * n_threads  # of the piece that a thread is at
    events = [(0.0, REQUEST, thread) for thread in range(n_threads)]
    taken, end = False, 0.0
    while events:
        now, event, thread = heapq.heappop(events)
        if event == RELEASE:
            taken = False
            goes_on = now + free[thread]
            if sleeping:
                goes_on += hand_over.signal
                heapq.heappush(events, (now + hand_over.wake, REQUEST, sleeping.popleft()))
            heapq.heappush(events, (goes_on, REQUEST, thread))
            continue
        if not pieces[thread]:
            if not waiting_tasks:
                end = max(end, now)
                continue
            pieces[thread] = list(reversed(waiting_tasks.popleft()))
        if taken:
            sleeping.append(thread)
            continue
        held, free[thread] = pieces[thread].pop()
        taken = True
        heapq.heappush(events, (now + held, RELEASE, thread))
    return end


def predict(costs: StepCosts, n_threads: int, *, lock: bool, slowdown: float = 1.0) -> float:
    """Seconds of a step; several threads take `slowdown` times as long as one alone for a task."""
    seconds = costs.serial
    for tasks in (costs.tiles, costs.shares[n_threads]):
        n_used = min(n_threads, len(tasks))
        factor = slowdown if n_used > 1 else 1.0
        tasks = [slowed(task if lock else without_lock(task), factor) for task in tasks]
        seconds += costs.start[n_used] + simulate(tasks, n_used, costs.hand_over)
    return seconds


def speed_up(costs: StepCosts, n_threads: int, *, lock: bool, slowdown: float = 1.0) -> float:
    """How many times as fast as on one thread a step is."""
    one = predict(costs, 1, lock=lock)
    return one / predict(costs, n_threads, lock=lock, slowdown=slowdown)
