"""One fit and its errors; and a fit in a process of its own, with all its costs.

Nothing else runs in that process, so its peak memory is that of the pipeline.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import joblib
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from skcnn.displays._common import confidence_of
from skcnn.study.comparison.results import FinalFit, Fit
from skcnn.study.data import Images

SINGLE_IMAGES = 50  # predicted one at a time
_RUN_JOB = "import sys; from skcnn.study.comparison.measure import run_job; run_job(sys.argv[1])"


def fit_and_test(pipeline: Pipeline, images: Images, train_error_size: int) -> Fit:
    """Fit a pipeline and measure its errors.

    The training error is measured on at most `train_error_size` images. They are evenly spaced, as
    the training images may be sorted by class.
    """
    start = time.perf_counter()
    with warnings.catch_warnings():
        # On the smallest subsets the epochs may not suffice; the learning curve shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(images.X_train, images.y_train)
    fit_seconds = time.perf_counter() - start
    n = len(images.y_train)
    some = np.linspace(0, n - 1, min(train_error_size, n)).astype(int)
    return Fit(
        test_error=float(1.0 - pipeline.score(images.X_test, images.y_test)),
        train_error=float(1.0 - pipeline.score(images.X_train[some], images.y_train[some])),
        fit_seconds=fit_seconds,
        seconds=time.perf_counter() - start,
    )


def measure_alone(
    pipeline: Pipeline, images: Images, train_error_size: int, model_path: Path
) -> FinalFit:
    """Fit a pipeline in a new process, measure its errors and costs, and dump it to `model_path`.

    Raises RuntimeError with the standard error of the process if that fails.
    """
    with tempfile.TemporaryDirectory(prefix="skcnn-") as folder:
        job, answer = Path(folder, "job.joblib"), Path(folder, "answer.joblib")
        model_path.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump((pipeline, images, train_error_size, model_path, answer), job)
        # The new process must find this package even if it is not installed.
        root = str(Path(__file__).resolve().parents[3])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, "-c", _RUN_JOB, str(job)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
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
    pipeline, images, train_error_size, model_path, answer = joblib.load(job)
    X_test = images.X_test
    before = _memory_bytes("VmRSS")
    one = replace(images, X_test=X_test[:1], y_test=images.y_test[:1])
    fit = fit_and_test(pipeline, one, train_error_size)
    start = time.perf_counter()
    predicted = np.asarray(pipeline.predict(X_test))
    predict_seconds = time.perf_counter() - start
    peak = _memory_bytes("VmHWM")
    peak_bytes = None if peak is None or before is None else peak - before + _children_peak_bytes()
    confidence = np.asarray(confidence_of(pipeline, X_test), dtype=np.float64)
    singles = []
    for index in range(min(SINGLE_IMAGES, len(X_test))):
        start = time.perf_counter()
        pipeline.predict(X_test[index : index + 1])
        singles.append(time.perf_counter() - start)
    measured = asdict(fit) | {
        "test_error": float(np.mean(predicted != images.y_test)),
        "seconds": fit.seconds + predict_seconds,
    }
    result = FinalFit(
        **measured,
        wrong=int(np.sum(predicted != images.y_test)),
        predict_seconds=predict_seconds,
        single_predict_seconds=float(np.median(singles)),
        peak_bytes=peak_bytes,
        model_bytes=len(pickle.dumps(pipeline, protocol=pickle.HIGHEST_PROTOCOL)),
        predicted=predicted.tolist(),
        confidence=confidence.round(5).tolist(),
    )
    joblib.dump(pipeline, model_path)
    joblib.dump(result, answer)


def _memory_bytes(field: str, process: str = "self") -> int | None:
    """A memory figure of a process; None without Linux's /proc or if the process has ended."""
    value = _status(process).get(field)
    return None if value is None else 1024 * int(value.split()[0])


def _children_peak_bytes() -> int:
    """Sum of the peak memory of this process's children, which HOG may use as workers."""
    children = [
        folder.name
        for folder in Path("/proc").glob("[0-9]*")
        if _status(folder.name).get("PPid", "").strip() == str(os.getpid())
    ]
    return sum(_memory_bytes("VmHWM", child) or 0 for child in children)


def _status(process: str) -> dict[str, str]:
    """The fields of /proc/PROCESS/status; none if there is no such file."""
    try:
        text = Path("/proc", process, "status").read_text("ascii", "replace")
    except OSError:
        return {}
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
