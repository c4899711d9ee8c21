"""All fits: those of the learning curves, and the final ones with all their costs.

A final fit has a process of its own, in which nothing else runs: the peak memory of the process is
that of the pipeline.
"""

from __future__ import annotations

import math
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from skcnn._files.paths import replacing
from skcnn.displays._estimators import confidence_of
from skcnn.study.comparison.contenders import CONTENDERS, Params, build
from skcnn.study.comparison.measured import FinalFit, Fit, FitKey
from skcnn.study.comparison.settings import TRAIN_ERROR_IMAGES, Budget, Settings
from skcnn.study.data import Images, nested_order, subset_sizes
from skcnn.study.mistakes import count_mistakes
from skcnn.study.store import Part, Session

SINGLE_IMAGES = 50  # predicted one at a time
_RUN_JOB = "import sys; from skcnn.study.comparison.measure import run_job; run_job(sys.argv[1])"


def fit_and_test(pipeline: Pipeline, images: Images) -> Fit:
    """Fit a pipeline and count its mistakes."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        # On the smallest subsets the epochs may not suffice; the learning curve shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(images.X_train, images.y_train)
    fit_seconds = time.perf_counter() - start
    n = len(images.y_train)
    # Evenly spaced, as the training images may be sorted by class.
    some = np.linspace(0, n - 1, min(TRAIN_ERROR_IMAGES, n)).astype(int)
    return Fit(
        wrong=count_mistakes(pipeline, images.X_test, images.y_test),
        tested=len(images.y_test),
        train_wrong=count_mistakes(pipeline, images.X_train[some], images.y_train[some]),
        train_tested=len(some),
        fit_seconds=fit_seconds,
        seconds=time.perf_counter() - start,
    )


def learning_curves(
    params: dict[str, Params],
    final: dict[str, FinalFit],
    images: Images,
    models: dict[str, Path],
    settings: Settings,
    budget: Budget,
    session: Session,
) -> tuple[dict[FitKey, Fit], list[FitKey]]:
    """Fit every contender on nested subsets, once for each seed, as far as the budget allows.

    A seed determines the subsets, which are the same for all contenders, and the initial weights
    of the networks. The fit on all images with seed 0 is that of `final`, the files of whose
    pipelines are `models`. Contenders that do not depend on the seed there have that result for
    every seed. Returns the fits, and those skipped for lack of time.
    """
    sizes, _ = subset_sizes(images.y_train, settings.shares(images.y_train))
    keys = [
        FitKey(name, share, size, seed)
        for seed in settings.seed_list
        for share, size in sizes
        for name in settings.contenders
    ]

    def part_of(key: FitKey) -> Part[Fit]:
        name, _, size, seed = key
        identity = {"contender": name, "params": params[name], "images": size, "seed": seed}
        if settings.label_free(name):
            identity["features"] = len(images.y_train)
        return Part("curve", identity, Fit)

    def describe(key: FitKey, fit: Fit) -> str:
        name = CONTENDERS[key.contender].look.label
        return f"{name}, {key.images:,} images, seed {key.seed}: {fit.test_error:.2%} test error"

    fits: dict[FitKey, Fit] = {}
    for key in keys:
        if key.share == 100 and (key.seed == 0 or not settings.seeded(key.contender)):
            fit = final[key.contender]
            # It had all cores for itself; in a worker it would take longer. What it took to learn
            # features says nothing of a fit that does not.
            seconds = fit.seconds * settings.workers
            if settings.label_free(key.contender):
                seconds = math.inf
            fits[key] = Fit(
                fit.wrong,
                fit.tested,
                fit.train_wrong,
                fit.train_tested,
                fit.fit_seconds,
                seconds,
            )
    fits |= session.load_all([key for key in keys if key not in fits], part_of)
    # Contenders that share their network are one job.
    jobs: dict[tuple, tuple[FitKey, ...]] = {}
    for key in keys:
        if key not in fits:
            group = (CONTENDERS[key.contender].network or key.contender, *key[1:])
            jobs[group] = (*jobs.get(group, ()), key)
    with session.cache() as memory:
        make = partial(
            _fit_all,
            params=params,
            images=images,
            one_core=settings.workers == 1,
            learned={name: models[name] for name in models if settings.label_free(name)},
            memory=memory,
        )
        session.run(
            "Learning curves",
            list(jobs.values()),
            make,
            fits,
            part_of=part_of,
            describe=describe,
            allows=lambda job: _expected_seconds(job, fits) < budget.left,
        )
    skipped = [key for job in jobs.values() for key in job if key not in fits]
    if skipped:
        session.reporter.line(f"Learning curves: no time for {len(skipped)} of {len(keys)} fits")
    return {key: fits[key] for key in keys if key in fits}, skipped


def _fit_all(
    keys: tuple[FitKey, ...],
    params: dict[str, Params],
    images: Images,
    one_core: bool,
    learned: dict[str, Path],
    memory: joblib.Memory,
) -> list[Fit]:
    """The fits of a job, in a worker; in this process if there is only one core to use.

    Of the contenders in `learned`, only the last step is fitted; the others are those of the fitted
    pipeline in the file. `memory` is a cache of their features of the test images.
    """
    chosen = nested_order(images.y_train, keys[0].seed)[: keys[0].images]
    subset = replace(images, X_train=images.X_train[chosen], y_train=images.y_train[chosen])
    n_jobs = 1 if one_core else None  # None: the share of a worker
    first, *others = (
        build(key.contender, params[key.contender], seed=key.seed, n_jobs=n_jobs) for key in keys
    )
    if (path := learned.get(keys[0].contender)) is not None:
        return [_fit_last_step(first, joblib.load(path), subset, memory)]
    fits = [fit_and_test(first, subset)]
    for other in others:  # after the network, which `first` is
        fit = _fit_to_features(other[1:], first["cnn"].transform, first["cnn"].transform, subset)
        fits.append(replace(fit, fit_seconds=fit.fit_seconds + fits[0].fit_seconds))
    return fits


def _fit_last_step(
    pipeline: Pipeline, fitted: Pipeline, subset: Images, memory: joblib.Memory
) -> Fit:
    """The fit of the last step of a pipeline to the features that the steps of a fitted one give.

    `fitted` has used all cores; its steps use as many as those of `pipeline`.
    """
    jobs = {k: v for k, v in pipeline.get_params().items() if k.endswith("__n_jobs")}
    features = fitted.set_params(**jobs)[:-1]
    of_test_images = partial(memory.cache(_features), features)
    return _fit_to_features(pipeline[-1:], features.transform, of_test_images, subset)


def _features(transformer: Pipeline, X: NDArray) -> NDArray:
    return np.asarray(transformer.transform(X))


def _fit_to_features(
    pipeline: Pipeline,
    of_train: Callable[[NDArray], NDArray],
    of_test: Callable[[NDArray], NDArray],
    images: Images,
) -> Fit:
    """The fit of a pipeline to features of the images; `seconds` includes computing them."""
    start = time.perf_counter()
    features = replace(images, X_train=of_train(images.X_train), X_test=of_test(images.X_test))
    fit = fit_and_test(pipeline, features)
    return replace(fit, seconds=time.perf_counter() - start)


def _expected_seconds(keys: tuple[FitKey, ...], fits: dict[FitKey, Fit]) -> float:
    """Seconds that these fits will take, judged by the finished ones of the same contenders.

    A fit takes no longer than one on more images. Compared with one on fewer images, its time grows
    at most with the square of their number, as that of an SVC.
    """
    expected = 0.0
    for key in keys:
        known = [
            (other.images, fit.seconds)
            for other, fit in list(fits.items())
            if other.contender == key.contender and math.isfinite(fit.seconds)
        ]
        bounds = [seconds for images, seconds in known if images >= key.images]
        if smaller := [(images, seconds) for images, seconds in known if images <= key.images]:
            nearest, seconds = max(smaller)
            bounds.append(seconds * (key.images / nearest) ** 2)
        expected += min(bounds, default=0.0)
    return expected


def measure_alone(pipeline: Pipeline, images: Images, model_path: Path) -> FinalFit:
    """Fit a pipeline in a new process, measure its errors and costs, and dump it to `model_path`.

    Raises RuntimeError with the standard error of the process if that fails.
    """
    with tempfile.TemporaryDirectory(prefix="skcnn-") as folder:
        job, answer = Path(folder, "job.joblib"), Path(folder, "answer.joblib")
        joblib.dump((pipeline, images, model_path, answer), job)
        done = subprocess.run(
            [sys.executable, "-c", _RUN_JOB, str(job)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},  # if not installed
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"Fitting {pipeline} in a process of its own ended with exit code "
                f"{done.returncode}; expected 0. Its error message is:\n{done.stderr.strip()}"
            )
        return joblib.load(answer)


def run_job(job: str | Path) -> None:
    """What `measure_alone` runs in the new process: the job in this file."""
    pipeline, images, model_path, answer = joblib.load(job)
    X_test = images.X_test
    before = _memory()
    one = replace(images, X_test=X_test[:1], y_test=images.y_test[:1])
    fit = fit_and_test(pipeline, one)
    start = time.perf_counter()
    predicted = np.asarray(pipeline.predict(X_test))
    predict_seconds = time.perf_counter() - start
    after = _memory()
    confidence = np.asarray(confidence_of(pipeline, X_test), dtype=np.float64)
    singles = []
    for index in range(min(SINGLE_IMAGES, len(X_test))):
        start = time.perf_counter()
        pipeline.predict(X_test[index : index + 1])
        singles.append(time.perf_counter() - start)
    result = FinalFit(
        wrong=int((predicted != images.y_test).sum()),
        tested=len(images.y_test),
        train_wrong=fit.train_wrong,
        train_tested=fit.train_tested,
        fit_seconds=fit.fit_seconds,
        seconds=fit.seconds + predict_seconds,
        predict_seconds=predict_seconds,
        single_predict_seconds=float(np.median(singles)),
        peak_bytes=after[1] - before[0] if after and before else None,
        model_bytes=len(pickle.dumps(pipeline, protocol=pickle.HIGHEST_PROTOCOL)),
        predicted=predicted.tolist(),
        confidence=confidence.round(5).tolist(),
    )
    with replacing(model_path) as path:  # an interruption leaves no half of a model
        joblib.dump(pipeline, path)
    joblib.dump(result, answer)


def _memory() -> tuple[int, int] | None:
    """Memory of this process in bytes: now, and its peak; None without Linux's /proc.

    The peak includes those of the processes that it started, which HOG may use as workers.
    """
    status = _status("self")
    if "VmHWM" not in status:
        return None
    others = [_status(folder.name) for folder in Path("/proc").glob("[0-9]*")]
    children = [other.get("VmHWM", 0) for other in others if other.get("PPid") == os.getpid()]
    return 1024 * status["VmRSS"], 1024 * (status["VmHWM"] + sum(children))


def _status(process: str) -> dict[str, int]:
    """The numbers in /proc/PROCESS/status, memory in KiB; none if there is no such file."""
    try:
        text = Path("/proc", process, "status").read_text("ascii", "replace")
    except OSError:
        return {}
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", text, re.M)}
