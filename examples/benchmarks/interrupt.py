"""Interrupt fits and predictions by Ctrl-C at random moments, and check what it leaves behind.

    python examples/benchmarks/interrupt.py --interrupts 500

A timer raises KeyboardInterrupt, as Ctrl-C does, after a random part of the time that a call of
`fit`, `partial_fit`, `predict_proba` or `transform` takes, with one thread and with two. A call
that then raises must leave the estimator as it was, or fitted to the end. A fit that returns must
have warned and have consistent attributes, or be complete. In any case predictions are finite, and
the same in a copy; the next fit gives the same bits as without an interruption; and no thread, no
limit of BLAS and no setting of NumPy is left over. Not for Windows, which has no such timer.
"""

from __future__ import annotations

import argparse
import collections
import functools
import pickle
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images
from skcnn.engine.runtime import blas

N_IMAGES, N_HELD_OUT = 200, 40
STRIDE = 7  # from one kind of call to the next, so that few interrupts are of different kinds
SETTINGS: list[dict[str, Any]] = [
    {},
    {"early_stopping": True, "normalization": "batch"},
    {"augment": "shift", "solver": "adam", "warm_start": True},
    {"solver": "muon", "hidden_layer_sizes": (800,)},
]
X, y = load_digits_images()
X_val, y_val = X[N_IMAGES : N_IMAGES + N_HELD_OUT], y[N_IMAGES : N_IMAGES + N_HELD_OUT]
X, y = X[:N_IMAGES], y[:N_IMAGES]


class Call(NamedTuple):
    """A call that is interrupted, for an estimator that has been fitted before."""

    name: str
    run: Callable[[ConvNetClassifier], Any]
    trains: bool


def fit(model: ConvNetClassifier) -> ConvNetClassifier:
    validation = {"X_val": X_val, "y_val": y_val} if model.early_stopping else {}
    return model.fit(X, y, **validation)


CALLS = [
    Call("fit", fit, True),
    Call("partial_fit", lambda model: model.partial_fit(X, y), True),
    Call("predict_proba", lambda model: model.predict_proba(X).tobytes(), False),
    Call("predict_proba, few", lambda model: model.predict_proba(X[:8]).tobytes(), False),
    Call("transform", lambda model: model.transform(X).tobytes(), False),
]


def new_models(n_jobs: int) -> Iterator[ConvNetClassifier]:
    """Networks that are fitted in a few milliseconds, with two tiles in a mini-batch."""
    for number, settings in enumerate(SETTINGS):
        model = ConvNetClassifier(
            n_filters=4, max_iter=2, batch_size=100, random_state=number, n_jobs=n_jobs
        )
        yield model.set_params(n_iter_no_change=2, **settings)


def state(model: ConvNetClassifier) -> bytes:
    """The parameters of an estimator and all that it has learned."""
    learned = {name: value for name, value in vars(model).items() if name.endswith("_")}
    training = vars(model._state) | {"rng": model._state.rng.bit_generator.state}
    del learned["network_"]
    arrays = [model.network_.snapshot(), *training.pop("moments")]
    values = [sorted(vars(model)), model.get_params(), learned, training]
    return repr(values).encode() + b"".join(array.tobytes() for array in arrays)


def interrupt(run: Callable[[], Any], seconds: float) -> tuple[bool, Any, list[str]]:
    """Call a function that is interrupted: whether it raised, its result, and its warnings."""
    result, raised = None, False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                result = run()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            raised = True
        messages = [str(warning.message) for warning in caught]
    return raised, result, messages


def check_interrupted(model: ConvNetClassifier) -> Iterator[str]:
    """What is wrong with the attributes of a fit that Ctrl-C has ended."""
    n = len(model.loss_curve_)
    if model.n_iter_ != n:
        yield f"n_iter_ is {model.n_iter_}, but loss_curve_ has {n} epochs"
    for name in ("validation_scores_", "validation_loss_curve_"):
        values = getattr(model, name)
        if values is not None and len(values) != n:
            yield f"{name} has {len(values)} epochs, but loss_curve_ has {n}"
    if n and model.loss_ != model.loss_curve_[-1]:
        yield "loss_ is not that of the last epoch"
    best = model.best_validation_score_
    if best is not None and model.score(X_val, y_val) != best:
        yield "best_validation_score_ is not that of the weights"


def left_over(before: dict[str, Any]) -> Iterator[str]:
    """What an interrupted call has left behind in the process."""
    end = time.perf_counter() + 3
    while (threads := threading.enumerate()) != before["threads"] and time.perf_counter() < end:
        time.sleep(0.001)  # the thread has been told to end
    if threads != before["threads"]:
        yield f"threads: {threads}"
    if (now := process_settings()) != before:
        yield f"settings: {now}, before {before}"


def process_settings() -> dict[str, Any]:
    limits = [library["num_threads"] for library in blas._blas().info()]
    return {
        "threads": threading.enumerate(),
        "BLAS": limits,
        "holders": len(blas._holders),
        "NumPy": np.geterr(),
    }


class Case:
    """A network, fitted, and what an interrupted call of its may lead to."""

    def __init__(self, model: ConvNetClassifier, call: Call) -> None:
        self.call, self.before = call, pickle.dumps(call_quietly(fit, model))
        self.done = self.start()
        self.result = call_quietly(call.run, self.done)
        copy = self.start()
        begin = time.perf_counter()
        call_quietly(call.run, copy)
        self.seconds = time.perf_counter() - begin
        self.process = process_settings()

    def start(self) -> ConvNetClassifier:
        return pickle.loads(self.before)

    def run(self, delay: float) -> tuple[str, list[str]]:
        """Interrupt the call after this part of its time: how it ended, and what is wrong."""
        model = self.start()
        unchanged, complete = state(model), state(self.done)
        raised, result, messages = interrupt(lambda: self.call.run(model), delay * self.seconds)
        problems = list(left_over(self.process))
        found = state(model)
        if raised:
            outcome = "raised"
            if found not in (unchanged, complete):
                problems.append("the estimator is neither as before nor fitted")
        elif any("interrupted in epoch" in message for message in messages):
            outcome = "warned"
            problems += check_interrupted(model)
        else:
            outcome = "complete"
            if found != complete or (not self.call.trains and result != self.result):
                problems.append("the result differs from that without an interruption")
        probabilities = model.predict_proba(X)
        if not np.isfinite(probabilities).all():
            problems.append("probabilities are not finite")
        if (pickle.loads(pickle.dumps(model)).predict_proba(X) != probabilities).any():
            problems.append("a copy predicts something else")
        if self.call.trains:
            if not model.early_stopping:
                call_quietly(lambda model: model.partial_fit(X, y), model)
            if not np.isfinite(model.predict_proba(X)).all():
                problems.append("partial_fit after it fails")
            again = call_quietly(fit, model.set_params(warm_start=False))
            if again.network_.snapshot().tobytes() != self.fresh():
                problems.append("the next fit gives other weights")
        return outcome, problems

    def fresh(self) -> bytes:
        """The weights of a fit that starts over."""
        if not hasattr(self, "_fresh"):
            model = call_quietly(fit, clone(self.start()).set_params(warm_start=False))
            self._fresh = model.network_.snapshot().tobytes()
        return self._fresh


def call_quietly(run: Callable[[Any], Any], model: ConvNetClassifier) -> Any:
    """Call without warnings about few epochs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run(model)


def interrupt_all(n: int, seed: int = 0) -> tuple[collections.Counter[str], list[str]]:
    """Interrupt `n` calls: how many ended in which way, and what was wrong."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    counts: collections.Counter[str] = collections.Counter()
    problems = []
    generator = random.Random(seed)
    kinds = [
        (model, call)
        for n_jobs in (1, 2)
        for call in CALLS
        for model in new_models(n_jobs)
        if not (call.name == "partial_fit" and model.early_stopping)
    ]
    case_of = functools.cache(lambda kind: Case(*kinds[kind]))
    try:
        for number in range(n):
            case = case_of((number * STRIDE) % len(kinds))
            delay = generator.uniform(0, 1.1)
            outcome, wrong = case.run(delay)
            counts[f"{case.call.name}: {outcome}"] += 1
            problems += [
                f"{case.call.name} of {case.done} after {delay:.3f} of its time ({outcome}): {what}"
                for what in wrong
            ]
    finally:
        signal.signal(signal.SIGALRM, before)
    return counts, problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interrupts", type=int, default=500, help="how many (default: 500)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    counts, problems = interrupt_all(options.interrupts, options.seed)
    for problem in problems:
        print(problem)
    for name, count in sorted(counts.items()):
        print(f"{name}: {count}")
    print(
        f"{options.interrupts} interrupts: {len(problems)} problems. "
        f"{time.perf_counter() - start:.0f} s"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
