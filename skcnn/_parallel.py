"""How many threads a fit may use.

Contains `n_threads`.
"""

from __future__ import annotations

from joblib import cpu_count
from joblib.parallel import get_active_backend

from skcnn.engine.runtime.blas import blas_threads


def n_threads(n_jobs: int | None) -> int:
    """Threads for one fit or prediction.

    Parameters
    ----------
    n_jobs : int or None
        None: all the cores that this process may use (affinity and containers are minded), but no
        more than BLAS may use, which is what joblib and threadpoolctl limit in workers; and a
        single one inside a joblib worker thread, whose siblings have the other cores.
        Otherwise as joblib counts: -1 is all cores, -2 all but one.

    Raises
    ------
    ValueError
        If `n_jobs` is 0.

    Examples
    --------
    >>> from skcnn._parallel import n_threads
    >>> n_threads(3)
    3
    """
    if n_jobs == 0:
        raise ValueError("n_jobs is 0; expected None, a positive number of threads, or -1 for all.")
    if n_jobs is not None:
        return n_jobs if n_jobs > 0 else max(1, cpu_count() + 1 + n_jobs)
    backend, _ = get_active_backend()
    share = blas_threads()
    if backend.nesting_level:
        # A worker process of joblib's has a limited BLAS; where nothing was limited, this is a
        # thread (or a bare process) among siblings that keep the other cores busy.
        return share if share is not None and share < cpu_count() else 1
    return max(1, min(cpu_count(), share or cpu_count()))
