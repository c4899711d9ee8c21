"""One fit and its test: errors for the learning curves, and all costs in a process of its own.

In a fresh process nothing else runs, so its peak memory is the pipeline's.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from skcnn.displays._common import confidence_of

SINGLE_IMAGES = 50  # predicted one by one, for the time of a single prediction
_RUN_JOB = "import sys; from skcnn.study.comparison.measure import run_job; run_job(sys.argv[1])"


def fit_and_test(
    pipeline: Pipeline,
    X_train: NDArray,
    y_train: NDArray,
    X_test: NDArray,
    y_test: NDArray,
    train_error_size: int,
) -> dict[str, float]:
    """Fit a pipeline; its test error, its training error on some of the images, its seconds.

    These are spread evenly over the training images, which may be sorted by class.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from skcnn.study.comparison.measure import fit_and_test
    >>> X, y = np.arange(4)[:, None], np.array([0, 0, 1, 1])
    >>> fit_and_test(make_pipeline(SVC(kernel="linear")), X, y, X, y, 4)["test_error"]
    0.0
    """
    start = time.perf_counter()
    with warnings.catch_warnings():
        # Too few epochs for the smallest subsets is a finding, not a fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(X_train, y_train)
    fitted = time.perf_counter()
    test_error = 1.0 - pipeline.score(X_test, y_test)
    some = np.linspace(0, len(y_train) - 1, min(train_error_size, len(y_train))).astype(int)
    train_error = 1.0 - pipeline.score(X_train[some], y_train[some])
    return {
        "test_error": float(test_error),
        "train_error": float(train_error),
        "fit_seconds": fitted - start,
        "seconds": time.perf_counter() - start,
    }


def measure_alone(
    pipeline: Pipeline,
    X_train: NDArray,
    y_train: NDArray,
    X_test: NDArray,
    y_test: NDArray,
    train_error_size: int,
    model_path: Path,
) -> dict[str, Any]:
    """Fit a pipeline in a fresh process; its errors, predictions and everything that it costs.

    Parameters
    ----------
    pipeline : Pipeline
        Not fitted.
    X_train, y_train, X_test, y_test : ndarray
        Images and labels.
    train_error_size : int
        The training error is measured on so many of the training images.
    model_path : Path
        Where the fitted pipeline goes, for `joblib.load`.

    Returns
    -------
    measured : dict
        ``test_error``, ``train_error`` (shares), ``fit_seconds``, ``predict_seconds`` (all test
        images), ``single_predict_seconds`` (median of one image), ``peak_bytes`` (above what the
        process held before the fit; None where the system does not tell), ``model_bytes``
        (pickled), ``predicted`` (labels), ``confidence`` (of the predicted label: probability, or
        lead of its decision value), ``seconds`` (all of it).

    Raises
    ------
    RuntimeError
        If that process fails; with what it printed.
    """
    with tempfile.TemporaryDirectory(prefix="skcnn-") as folder:
        job, answer = Path(folder, "job.joblib"), Path(folder, "answer.joblib")
        model_path.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(
            (pipeline, X_train, y_train, X_test, y_test, train_error_size, model_path, answer), job
        )
        # The new process has to find this package also where it is not installed.
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
                f"Fitting {pipeline} in a process of its own ended with code {done.returncode}:\n"
                f"{done.stderr.strip()}"
            )
        return joblib.load(answer)


def run_job(job: str | Path) -> None:
    """Do the job in a file that `measure_alone` wrote: the other side of it, in the new process."""
    pipeline, X_train, y_train, X_test, y_test, train_error_size, model_path, answer = joblib.load(
        job
    )
    before = _resident_bytes("VmRSS:")
    result: dict[str, Any] = fit_and_test(
        pipeline, X_train, y_train, X_test[:1], y_test[:1], train_error_size
    )
    start = time.perf_counter()
    predicted = np.asarray(pipeline.predict(X_test))
    result["predict_seconds"] = time.perf_counter() - start
    result["seconds"] += result["predict_seconds"]
    peak = _resident_bytes("VmHWM:")
    result["peak_bytes"] = None if peak is None else peak - before + _children_peak_bytes()
    result["test_error"] = float(np.mean(predicted != y_test))
    result["predicted"] = predicted.tolist()
    result["confidence"] = np.float64(confidence_of(pipeline, X_test)).round(5).tolist()
    singles = []
    for index in range(min(SINGLE_IMAGES, len(X_test))):
        start = time.perf_counter()
        pipeline.predict(X_test[index : index + 1])
        singles.append(time.perf_counter() - start)
    result["single_predict_seconds"] = float(np.median(singles))
    result["model_bytes"] = len(pickle.dumps(pipeline, protocol=pickle.HIGHEST_PROTOCOL))
    joblib.dump(pipeline, model_path)
    joblib.dump(result, answer)


def _resident_bytes(field: str, process: str = "self") -> int | None:
    """A memory figure of a process from Linux's /proc; None on other systems."""
    try:
        status = Path("/proc", process, "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    return None


def _children_peak_bytes() -> int:
    """Peak memory of the worker processes of this one (HOG may use some), added up."""
    total, me = 0, str(os.getpid())
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(
                line.split(":", 1) for line in status.read_text("ascii", "replace").splitlines()
            )
        except (OSError, ValueError):  # ended in the meantime
            continue
        if lines.get("PPid", "").strip() == me and "VmHWM" in lines:
            total += 1024 * int(lines["VmHWM"].split()[0])
    return total
