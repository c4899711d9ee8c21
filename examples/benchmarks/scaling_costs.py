"""Measure what `scaling_model` needs, and training on the threads that this machine has.

For each call of a tile, the same NumPy function is timed on views of one element, directly before
the call itself. On one element, a call has next to nothing to compute: its time estimates the time
to handle the call, which needs the lock. The rest of the time of the call itself does not.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import statistics
import threading
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.process import BaseProcess

import numpy as np
from networks import build
from scaling_model import HandOver, StepCosts, Task

from skcnn.engine.layer import Namespace
from skcnn.engine.layers import BiasActivation, Dense, Flatten
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.calls import Call
from skcnn.engine.runtime.threads import Task as ThreadTask
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.blocks import BLOCK
from skcnn.engine.training.loop import run_epochs
from skcnn.engine.training.losses import LOSSES
from skcnn.engine.training.optimizers import Adam
from skcnn.engine.training.settings import EpochSettings, StepSettings, TrainingData, TrainingState
from skcnn.engine.training.targets import ClassTargets
from skcnn.engine.training.trainer import Trainer

STARTING = 120  # seconds that a process may take until it has trained an epoch
EPOCH = EpochSettings(1, rate=lambda step, progress: 1e-3, momentum=lambda step: 0.9)


class Recorder(Threads):
    """Tasks as `n_threads` threads would get them, one after another on the calling thread.

    `seconds` has an entry for each call of `run`: the times of its tasks.
    """

    def __init__(self, n_threads: int) -> None:
        super().__init__(n_threads)
        self.seconds: list[list[float]] = []

    def run(self, task: ThreadTask, n_tasks: int) -> None:
        times = []
        for index in range(n_tasks):
            start = time.perf_counter()
            task(0, index)
            times.append(time.perf_counter() - start)
        self.seconds.append(times)


def new_trainer(network: Network, batch_size: int, threads: Threads, n_images: int) -> Trainer:
    """A trainer with random images, as `ConvNetClassifier` makes it."""
    rng = np.random.default_rng(0)
    network.initialize(rng)
    images = rng.integers(0, 256, (n_images, *network.input_shape), dtype=np.uint8)
    table = np.eye(network.shapes[-1][0], dtype=network.dtype)
    targets = ClassTargets(np.arange(n_images) % len(table), table)
    data = TrainingData(ImageReader(images, 128.0, 74.0), targets)
    settings = StepSettings(LOSSES["softmax"], Adam(), batch_size, l2=1e-4)
    return Trainer(network, settings, data, TrainingState.new(network, Adam(), rng), threads)


def train(trainer: Trainer) -> float:
    """Seconds of an epoch."""
    indices = np.arange(len(trainer.data.reader))
    start = time.perf_counter()
    run_epochs(trainer, EPOCH, indices, lambda loss: False)
    return time.perf_counter() - start


def recorded(trainer: Trainer, n_rounds: int) -> tuple[float, float, list[float]]:
    """Medians of a step's parts: the serial part, a tile, and each share of the optimizer step."""
    recorder = trainer.threads
    assert isinstance(recorder, Recorder)
    n_steps = -(-len(trainer.data.reader) // trainer.settings.batch_size)
    serial, tiles, shares = [], [], []
    for number in range(n_rounds + 1):
        recorder.seconds.clear()
        total = train(trainer)
        assert len(recorder.seconds) == 2 * n_steps  # in each step, tiles first, then shares
        if number:  # the first round only warms up
            serial.append((total - sum(itertools.chain(*recorder.seconds))) / n_steps)
            tiles += itertools.chain(*recorder.seconds[::2])
            shares += recorder.seconds[1::2]
    median = statistics.median
    return median(serial), median(tiles), [median(times) for times in zip(*shares, strict=True)]


def one_element(call: Call) -> Call:
    """The same function on views of one element of each array."""
    assert isinstance(call, partial)

    def small(value: object) -> object:
        if isinstance(value, Namespace):
            return Namespace(**{name: small(item) for name, item in vars(value).items()})
        return value[(..., *[slice(1)] * value.ndim)] if isinstance(value, np.ndarray) else value

    function = call.func
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ndarray):  # a method of an array, such as fill
        function = getattr(small(owner), function.__name__)
    keywords = {name: small(value) for name, value in call.keywords.items()}
    return partial(function, *map(small, call.args), **keywords)


def pieces_of_layers(trainer: Trainer, n_images: int, n_rounds: int) -> Task:
    """The calls of a tile's forward and backward pass as pieces, by their medians."""
    workspace = trainer.buffers(0, n_images).workspace
    by_layer = [*workspace.forward_calls, *reversed(workspace.backward_calls)]
    pairs = [(one_element(call), call) for calls in by_layer for call in calls]
    times = np.empty((n_rounds, len(pairs), 3))
    with np.errstate(all="ignore"):  # calls that work in place change the one element twice
        for found in times:
            for number, (small, call) in enumerate(pairs):
                start = time.perf_counter()
                small()
                middle = time.perf_counter()
                call()
                found[number] = start, middle, time.perf_counter()
    handled, whole = np.median(np.diff(times), axis=0).T
    held = np.minimum(handled, whole)
    return list(zip(held.tolist(), (whole - held).tolist(), strict=True))


def tile_task(trainer: Trainer, n_images: int, seconds: float, n_rounds: int) -> Task:
    """A tile that takes `seconds`: its layers, and before them the reading and the loss.

    With one image, nearly all of reading and loss is the handling of calls.
    """
    one = new_trainer(trainer.network, 1, Recorder(1), 8)
    _, tile_of_one, _ = recorded(one, n_rounds)
    rest_of_one = tile_of_one - sum(map(sum, pieces_of_layers(one, 1, 8 * n_rounds)))
    layers = pieces_of_layers(trainer, n_images, n_rounds)
    rest = max(0.0, seconds - sum(map(sum, layers)))
    held = min(max(0.0, rest_of_one), rest)
    n_calls = max(1, round(held * len(layers) / sum(piece[0] for piece in layers)))
    return [(held / n_calls, (rest - held) / n_calls)] * n_calls + layers


def handling_of_a_block(n_rounds: int) -> float:
    """Seconds of the optimizer step of a few parameters, which is all handling of calls."""
    layers = [Flatten(), Dense(2), BiasActivation("identity")]
    trainer = new_trainer(Network(layers, (1, 1, 1)), 2, Recorder(1), 64)
    return sum(recorded(trainer, n_rounds)[2])


def share_task(seconds: float, n_blocks: float, handling: float) -> Task:
    """A share of the optimizer step, with one piece for each of its blocks."""
    n = max(1, round(n_blocks))
    held = min(handling, seconds / n)
    return [(held, seconds / n - held)] * n


def start_times(most: int, n_rounds: int) -> list[float]:
    """Seconds of `Threads.run` for k tasks that do nothing on k threads, for k up to `most`."""
    found = [0.0, 0.0]
    for k in range(2, most + 1):
        with Threads(k) as threads:
            times = []
            for _ in range(20 * n_rounds):
                start = time.perf_counter()
                threads.run(lambda thread, task: None, k)
                times.append(time.perf_counter() - start)
        found.append(statistics.median(times))
    return found


def hand_over_times(n_rounds: int) -> HandOver:
    """Two threads hand two locks to each other, so that one always sleeps."""
    ours, theirs = threading.Lock(), threading.Lock()
    ours.acquire()
    theirs.acquire()
    n = 50 * n_rounds

    def echo() -> None:
        for _ in range(n):
            theirs.acquire()
            ours.release()

    thread = threading.Thread(target=echo)
    thread.start()
    times = []
    for _ in range(n):
        start = time.perf_counter()
        theirs.release()
        signalled = time.perf_counter()
        ours.acquire()
        times.append((signalled - start, (time.perf_counter() - start) / 2))
    thread.join()
    return HandOver(*map(statistics.median, zip(*times, strict=True)))


def measure_costs(
    name: str,
    batch_size: int,
    cores: tuple[int, ...],
    start: list[float],
    hand_over: HandOver,
    *,
    n_images: int,
    n_rounds: int,
) -> StepCosts:
    """All costs of a step, measured on the calling thread."""
    network = build(name)
    handling = handling_of_a_block(n_rounds)
    shares: dict[int, list[Task]] = {}
    with single_threaded_blas():
        for k in cores:
            # The tiles do not depend on k: a few steps are enough for the shares.
            n = n_images if k == 1 else 2 * batch_size
            trainer = new_trainer(network, batch_size, Recorder(k), n)
            found = recorded(trainer, n_rounds)
            n_blocks = network.n_parameters / BLOCK / len(found[2])
            shares[k] = [share_task(seconds, n_blocks, handling) for seconds in found[2]]
            if k == 1:
                serial, tile_seconds, _ = found
                n_tiles = -(-batch_size // trainer.tile)
                tile = tile_task(trainer, batch_size // n_tiles, tile_seconds, 4 * n_rounds)
    return StepCosts(serial, [tile] * n_tiles, shares, start, hand_over)


def measure_threads(name: str, batch_size: int, cores: list[int], n_images: int, n_rounds: int):
    """Seconds of a step for each number of threads; the trainings take turns."""
    times: dict[int, list[float]] = {k: [] for k in cores}
    with contextlib.ExitStack() as stack:
        stack.enter_context(single_threaded_blas())
        trainers = {
            k: new_trainer(build(name), batch_size, stack.enter_context(Threads(k)), n_images)
            for k in cores
        }
        for number in range(n_rounds + 1):
            for k, trainer in trainers.items():
                seconds = train(trainer)
                if number:  # the first round only warms up
                    times[k].append(seconds * batch_size / n_images)
    return {k: statistics.median(found) for k, found in times.items()}


def _keep_busy(name: str, ready) -> None:
    """Train until the parent terminates this process, or is gone."""
    trainer = new_trainer(build(name), 64, Recorder(1), 256)
    with single_threaded_blas():
        while multiprocessing.parent_process().is_alive():
            train(trainer)
            trainer.threads.seconds.clear()
            ready.set()


def wait_until_ready(process, ready) -> None:
    """Wait until a process sets the event `ready`.

    Raises RuntimeError if the process exits before that, or takes longer than `STARTING`.
    """
    end = time.monotonic() + STARTING
    while not ready.wait(0.1):
        if not process.is_alive():
            raise RuntimeError(
                f"A process that should keep a core busy has exited with code {process.exitcode}; "
                "expected it to train until the measurement ends. See its error above."
            )
        if time.monotonic() > end:
            raise RuntimeError(
                f"A process that should keep a core busy has not trained an epoch in {STARTING} "
                "seconds. Measure on a machine that is otherwise idle."
            )


@contextlib.contextmanager
def busy_processes(name: str, n: int) -> Iterator[list[BaseProcess]]:
    """`n` other processes that train the network on one thread each."""
    context = multiprocessing.get_context("spawn")
    signals = [context.Event() for _ in range(n)]
    processes = [
        context.Process(target=_keep_busy, args=(name, ready), daemon=True) for ready in signals
    ]
    try:
        for process in processes:
            process.start()
        for process, ready in zip(processes, signals, strict=True):
            wait_until_ready(process, ready)
        yield processes
    finally:
        for process in processes:
            process.terminate()
            process.join()


def slowdowns(name: str, cores: list[int], n_rounds: int) -> dict[int, float]:
    """How many times as long a tile takes while processes keep the other of `cores` cores busy.

    Processes do not share the interpreter's lock: what slows them down is the memory.
    """
    trainer = new_trainer(build(name), 64, Recorder(1), 256)
    with single_threaded_blas():
        found = {}
        for k in cores:
            with busy_processes(name, k - 1):
                found[k] = recorded(trainer, n_rounds)[1]
    return {k: seconds / found[1] for k, seconds in found.items()}
