"""One fit and its errors; and a fit in a process of its own, with all its costs.

Nothing else runs in that process, so its peak memory is that of the pipeline.
"""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from skcnn.displays._common import confidence_of
from skcnn.study.comparison.results import FinalFit, Fit
from skcnn.study.comparison.settings import TRAIN_ERROR_IMAGES
from skcnn.study.data import Images

SINGLE_IMAGES = 50  # predicted one at a time
_RUN_JOB = "import sys; from skcnn.study.comparison.measure import run_job; run_job(sys.argv[1])"


def fit_and_test(pipeline: Pipeline, images: Images) -> Fit:
    """Fit a pipeline and measure its errors."""
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
        test_error=float(1.0 - pipeline.score(images.X_test, images.y_test)),
        train_error=float(1.0 - pipeline.score(images.X_train[some], images.y_train[some])),
        fit_seconds=fit_seconds,
        seconds=time.perf_counter() - start,
    )


def measure_alone(pipeline: Pipeline, images: Images, model_path: Path) -> FinalFit:
    """Fit a pipeline in a new process, measure its errors and costs, and dump it to `model_path`.

    Raises RuntimeError with the standard error of the process if that fails.
    """
    with tempfile.TemporaryDirectory(prefix="skcnn-") as folder:
        job, answer = Path(folder, "job.joblib"), Path(folder, "answer.joblib")
        model_path.parent.mkdir(parents=True, exist_ok=True)
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
    wrong = predicted != images.y_test
    result = FinalFit(
        test_error=float(wrong.mean()),
        train_error=fit.train_error,
        fit_seconds=fit.fit_seconds,
        seconds=fit.seconds + predict_seconds,
        wrong=int(wrong.sum()),
        predict_seconds=predict_seconds,
        single_predict_seconds=float(np.median(singles)),
        peak_bytes=after[1] - before[0] if after and before else None,
        model_bytes=len(pickle.dumps(pipeline, protocol=pickle.HIGHEST_PROTOCOL)),
        predicted=predicted.tolist(),
        confidence=confidence.round(5).tolist(),
    )
    joblib.dump(pipeline, model_path)
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
