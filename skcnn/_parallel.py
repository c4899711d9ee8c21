"""How many threads a fit or a prediction may use."""

from __future__ import annotations

import functools
import threading
from numbers import Integral

import joblib
from joblib.parallel import get_active_backend

from skcnn.engine.runtime.blas import blas_threads

MOST_THREADS = 4096  # more are never of use; each has memory of its own


@functools.cache
def _cores() -> int:
    """Cores that this process may use; asking for them takes as long as predicting an image."""
    return joblib.cpu_count()


def n_threads(n_jobs: int | None, most: int | None = None) -> int:
    """Number of threads for one fit or one prediction.

    Parameters
    ----------
    n_jobs : int or None
        A positive number is the number of threads; a negative one counts as in joblib: -1 means
        all cores, -2 all but one. None means all cores that this process may use (CPU affinity
        and container limits are respected), but no more than BLAS may use, since this is what
        joblib and threadpoolctl limit in worker processes. Inside a joblib worker thread None
        means 1, because the other workers use the other cores.
    most : int or None
        No more threads than this are useful.

    Returns
    -------
    threads : int
        At least 1.

    Raises
    ------
    ValueError
        If `n_jobs` is 0, or neither an integer nor None.

    Examples
    --------
    >>> from skcnn._parallel import n_threads
    >>> n_threads(3)
    3
    """
    if n_jobs is not None and (n_jobs == 0 or not isinstance(n_jobs, Integral)):
        raise ValueError(
            f"n_jobs is {n_jobs!r}; expected None, a positive number of threads, or -1 for all "
            "cores. Set n_jobs=None to use the cores available to this process."
        )
    if most == 1:
        return 1
    allowed = _allowed_threads(n_jobs)
    return allowed if most is None else min(allowed, most)


def _allowed_threads(n_jobs: int | None) -> int:
    if n_jobs is not None:
        n_jobs = int(n_jobs)
        return min(n_jobs, MOST_THREADS) if n_jobs > 0 else max(1, _cores() + 1 + n_jobs)
    backend, _ = get_active_backend()
    share = blas_threads()
    if backend.nesting_level:
        # A worker process has its main thread for its task, and joblib limits its BLAS. Other
        # workers are threads (or processes that limit nothing); their siblings use the other cores.
        is_process = threading.current_thread() is threading.main_thread()
        is_limited = is_process and share is not None and share < _cores()
        return share if is_limited and share and backend.nesting_level == 1 else 1
    return max(1, min(_cores(), share or _cores()))
