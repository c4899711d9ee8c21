"""Where a training step spends its time: each NumPy call for a tile, by layer.

    python examples/benchmarks/profile_calls.py [--networks paper colour] [--least 0.5]

The times are microseconds per image on one core: "alone", and "beside" a second thread that runs
its own tile. The difference is the cost of the interpreter's lock and of the shared cache. "floor"
is the time for the layer's forward FLOPs at the speed of a large sgemm, counting every convolution
as a direct sum. Winograd convolutions need fewer multiplications and can take less time.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from networks import NETWORKS, build
from speed import SkcnnTrainer, sgemm_speed

from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.workspace import Workspace

SECONDS = 1.0  # duration of one measurement
KINDS = ("matrix products", "transforms of Winograd's method", "everything else")
LARGEST_TRANSFORM = 8  # rows and columns of the matrices of Winograd's method


@dataclass
class Timed:
    """A call, the direction and layer that it belongs to, and its total time."""

    direction: str
    layer: int
    call: Callable
    seconds: float = 0.0

    def __str__(self) -> str:
        function = getattr(self.call, "func", self.call)
        name = getattr(function, "__name__", repr(function))
        owner = getattr(function, "__self__", None)
        if isinstance(owner, np.ufunc):
            name = f"{owner.__name__}.{name}"
        arrays = [a for a in self.call.args if isinstance(a, np.ndarray) and a.ndim]
        return " ".join([name, *(str(array.shape) for array in arrays[:2])])

    @property
    def kind(self) -> str:
        """What the call does: one of `KINDS`."""
        if "matmul" not in str(self):
            return "everything else"
        factors = [a for a in self.call.args[:2] if isinstance(a, np.ndarray)]
        small = any(max(factor.shape[-2:]) <= LARGEST_TRANSFORM for factor in factors)
        return "transforms of Winograd's method" if small else "matrix products"


def new_tile(name: str) -> Workspace:
    """The workspace of a training tile, with images in it."""
    images = np.random.default_rng(0).integers(0, 256, (64, *NETWORKS[name][0]), dtype=np.uint8)
    with Threads(1) as threads:
        trainer = SkcnnTrainer(name, images, np.arange(64) % 10, threads).trainers[64]
        trainer.step(np.arange(64), step=1, rate=0.0, momentum=0.0)
    return trainer.buffers(0, trainer.tile).workspace


def measure(tile: Workspace) -> list[Timed]:
    """Time all calls of a tile, forward and backward, in microseconds per image."""
    timed = [Timed("forward", i, c) for i, calls in enumerate(tile.forward_calls) for c in calls]
    for i in reversed(range(len(tile.backward_calls))):
        timed += [Timed("backward", i, call) for call in tile.backward_calls[i]]
    rounds, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        tile.doutput[:] = 1e-3
        last = time.perf_counter()
        for one in timed:
            one.call()
            now = time.perf_counter()
            one.seconds += now - last
            last = now
        rounds += 1
    for one in timed:
        one.seconds *= 1e6 / rounds / len(tile.output)
    return timed


def measure_side_by_side(tiles: list[Workspace]) -> list[Timed]:
    """Time the first of two tiles while the second one runs on another thread."""
    found: dict[int, list[Timed]] = {}

    def run(number):
        found[number] = measure(tiles[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(tiles))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found[0]


def report(name: str, least: float) -> None:
    network = build(name)
    with single_threaded_blas():
        tiles = [new_tile(name), new_tile(name)]
        alone, beside = measure(tiles[0]), measure_side_by_side(tiles)
        speed = sgemm_speed(1)
    print(f"\n{name}: {len(alone)} calls for a tile of {len(tiles[0].output)} images")
    print(f"{'alone':>8} {'beside':>8}")
    for direction in ("forward", "backward"):
        for i, layer in enumerate(network.layers):
            calls = [
                j for j, one in enumerate(alone) if (one.direction, one.layer) == (direction, i)
            ]
            total, total_beside = (
                sum(found[j].seconds for j in calls) for found in (alone, beside)
            )
            floor = 1e6 * network.plans[i].flops / speed
            note = f"  (floor {floor:.1f})" if floor and direction == "forward" else ""
            if total >= least:
                print(f"{total:8.2f} {total_beside:8.2f}  {direction} {layer}{note}")
            for j in calls:
                if alone[j].seconds >= least:
                    print(f"{alone[j].seconds:8.2f} {beside[j].seconds:8.2f}      {alone[j]}")
    for kinds, title in (*(((kind,), kind) for kind in KINDS), (KINDS, "all")):
        total, total_beside = (
            sum(one.seconds for one in found if one.kind in kinds) for found in (alone, beside)
        )
        print(f"{total:8.2f} {total_beside:8.2f}  {title}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument(
        "--least", type=float, default=0.5, help="shortest call to show, in microseconds"
    )
    args = parser.parse_args()
    for name in args.networks:
        report(name, args.least)


if __name__ == "__main__":
    main()
