"""Fit random estimators to random, odd and invalid input, and check what they do.

    python examples/benchmarks/fuzz.py --cases 20000
    python examples/benchmarks/fuzz.py --first 123 --cases 1      # a single case again

Each case either gives a sound result or raises a clear error before anything has changed. The
checks of a fit that succeeds:

- predictions have the right shape and are finite; probabilities add up to 1; labels are known;
- the outputs agree with a float64 computation that shares no code with the engine;
- an image alone, or in another memory layout, gets the same answer as in the batch;
- the same fit again, with two threads, gives bit-identical weights;
- a call that fails afterwards leaves the fitted estimator unchanged.

NumPy's warnings count as faults, and so do errors in valid cases other than a training that
diverges. At the end, the reasons of all refusals are listed with their numbers.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import sys
import time
import traceback
import warnings
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import numpy as np
from fuzz_cases import NETWORKS, Case, draw
from fuzz_oracle import compute
from joblib import Parallel, delayed
from sklearn.base import clone

# What a valid case may be refused for: its message, by the beginning of a sentence in it.
REASONS = (
    "Training diverged",
    "could not set aside",  # early stopping with few images
    "With padding='valid' a filter must fit",
    "is too small",
    "image_shape is None, but",
    "X has pixels",  # larger than 1e30
    "sample_weight is zero for every image",
    "class_weight='balanced' needs all labels at once",  # in partial_fit
    "partial_fit uses the weights without rescaling",
    "y has values as large as",  # more than 1e30
    "expected at least",
)
FLOAT32 = 2.0**-23  # its relative rounding
KINDS_OF_ERROR = (ValueError, TypeError)


class Fault(AssertionError):
    """skcnn did something wrong."""


def check(condition: Any, message: str) -> None:
    if not condition:
        raise Fault(message)


def state_of(estimator: Any) -> str:
    """A hash of all attributes."""
    return joblib.hash(vars(estimator))


def run_case(number: int) -> str:
    """The outcome of a case: "fitted", or the reason of the refusal; raises if there is a fault."""
    case = draw(number)
    before = state_of(case.estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UserWarning)  # skcnn's own are of this kind
        try:
            train(case.estimator, case)
        except KINDS_OF_ERROR as error:
            in_parts = hasattr(case.estimator, "network_")  # earlier calls of partial_fit
            unchanged = in_parts or state_of(case.estimator) == before
            check(unchanged, f"changed by a failed fit: {error}")
            return _reason(case, error)
        check(not case.faults, "accepted, although invalid")
        if case.kind in NETWORKS:
            check_network(case)
        else:
            features = case.estimator.transform(case.X)
            check(len(features) == len(case.X), f"features have shape {features.shape}")
            check(np.isfinite(features).all(), "features are not finite")
        check_failed_calls(case)
    return "fitted"


def train(estimator: Any, case: Case) -> Any:
    """Fit in one call, or in several of `partial_fit`, each on some of the images."""
    incremental = case.kind in NETWORKS and case.number % 3 == 0
    if case.faults or not incremental or estimator.early_stopping:
        return estimator.fit(case.X, **case.arguments)
    X = np.asarray(case.X)
    given = {name: np.asarray(values) for name, values in case.arguments.items()}
    classes = {"classes": np.unique(given["y"])} if case.kind == "classifier" else {}
    for chunk in np.array_split(np.arange(len(X)), min(3, len(X))):
        own = {name: values[chunk] for name, values in given.items()}
        estimator.partial_fit(X[chunk], **own, **classes)
        classes = {}
    return estimator


def _reason(case: Case, error: Exception) -> str:
    message = str(error)
    check(len(message) > 20, f"an unclear message: {message!r}")
    if not case.faults:
        check(any(reason in message for reason in REASONS), f"refused, although valid: {message}")
    return re.sub(r"-?\d[\d,.e+-]*", "N", message)[:110]


def check_network(case: Case) -> None:
    estimator = case.estimator
    X, n = case.X, len(case.X)
    images = np.asarray(X).astype(np.float64).reshape(n, *estimator.image_shape_)
    check(np.isfinite(estimator.network_.parameters).all(), "weights are not finite")
    answers = _answers(case, X)
    for name, values in answers.items():
        if values.dtype.kind == "f":
            check(np.isfinite(values).all(), f"{name} is not finite")
    if "predict_proba" in answers and case.kind == "classifier":
        sums = answers["predict_proba"].sum(axis=1)
        check(np.allclose(sums, 1, atol=1e-6), f"probabilities add up to {sums}")
        check(np.isin(answers["predict"], estimator.classes_).all(), "an unknown label")
    features, z = compute(estimator, images)
    rounded_features, rounded_z = compute(estimator, images, rounding=FLOAT32)
    bounds = {
        "transform": 30 * largest(rounded_features - features) + 1e-5 * (1 + largest(features)),
        "z": 30 * largest(rounded_z - z) + 1e-5 * (1 + largest(z)),
    }
    bounds["predict_proba"] = bounds["z"]
    if case.kind == "regressor":
        bounds["predict"] = bounds["z"] * estimator.target_scale_.max()
        bounds["predict"] += 1e-6 * largest(answers["predict"])
    expected = {"transform": features}
    if getattr(estimator, "predict_augment", None) is None and case.kind != "autoencoder":
        expected["z"], answers["z"] = z, estimator._outputs(X)
    for name, values in expected.items():
        error, bound = largest(answers[name] - values), bounds[name]
        check(error <= bound, f"{name} differs from float64 by {error:.3g}, more than {bound:.3g}")
    check_alone(case, answers, bounds)
    if case.number % 4 == 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = train(clone(estimator).set_params(n_jobs=2), case)
        same = np.array_equal(again.network_.parameters, estimator.network_.parameters)
        check(same, "another fit, with two threads, has other weights")


def check_alone(case: Case, answers: dict[str, np.ndarray], bounds: dict[str, float]) -> None:
    """An image alone, or with other neighbours in memory, gets the same answer."""
    X, place = np.ascontiguousarray(np.asarray(case.X)), len(case.X) // 2
    for name in bounds.keys() & answers.keys() - {"z"}:
        for other, what in ((X[place : place + 1], "alone"), (X[: place + 1], "in another batch")):
            again = getattr(case.estimator, name)(other)[-1]
            error = largest(again - answers[name][place])
            check(error <= bounds[name], f"{name} {what} differs by {error:.3g}")


def largest(values: np.ndarray) -> float:
    return float(np.abs(values).max())


def _answers(case: Case, X: Any) -> dict[str, np.ndarray]:
    names = ("predict", "predict_proba", "transform")
    return {n: getattr(case.estimator, n)(X) for n in names if hasattr(case.estimator, n)}


def check_failed_calls(case: Case) -> None:
    """Calls that must fail, on the fitted estimator."""
    estimator, X = case.estimator, np.asarray(case.X)
    before = state_of(estimator)
    wrong = X.reshape(len(X), -1)[:, :-1]
    calls = [lambda: estimator.transform(np.empty((0, *X.shape[1:])))]
    if wrong.shape[1]:
        calls.append(lambda: estimator.transform(wrong))
    if case.kind in NETWORKS and case.y is not None:
        calls.append(lambda: estimator.fit(X, np.asarray(case.y)[:-1]))
        calls.append(lambda: estimator.fit(X.astype(complex), case.y))
    for number, call in enumerate(calls):
        try:
            call()
        except KINDS_OF_ERROR:
            check(state_of(estimator) == before, f"changed by failing call {number}")
        else:
            raise Fault(f"failing call {number} did not fail")


def attempt(number: int) -> tuple[int, str, str]:
    """(number, outcome, traceback of a fault or nothing)"""
    try:
        return number, run_case(number), ""
    except KeyboardInterrupt:
        raise
    except BaseException:
        return number, "FAULT", f"{draw(number)}\n{traceback.format_exc()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--n-jobs", type=int, default=-1, help="processes")
    options = parser.parse_args()
    start = time.perf_counter()
    numbers = range(options.first, options.first + options.cases)
    outcomes: collections.Counter[str] = collections.Counter()
    found = Parallel(options.n_jobs, return_as="generator_unordered", batch_size=20)(
        delayed(attempt)(number) for number in numbers
    )
    for done, (_, outcome, trace) in enumerate(found, start=1):
        outcomes[outcome] += 1
        if trace:
            print(f"--- {trace}", flush=True)
        if done % 1000 == 0:
            seconds = time.perf_counter() - start
            faults = outcomes["FAULT"]
            print(f"{done:,} cases, {faults} faults, {seconds:.0f} s", file=sys.stderr, flush=True)
    for outcome, count in outcomes.most_common():
        print(f"{count:7,}  {outcome}")
    print(f"{options.cases:,} cases in {time.perf_counter() - start:.0f} s")
    return 1 if outcomes["FAULT"] else 0


if __name__ == "__main__":
    sys.exit(main())
