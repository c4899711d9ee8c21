"""The BLAS library behind NumPy's matrix products: its threads, and the sizes it is fast for."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator, Sequence

import threadpoolctl

# OpenBLAS's kernels for AVX-512 read the operands of products with up to this many multiplications
# in place. It copies larger ones into an order of its own first, which takes a notable part of the
# time of products with few columns.
UNCOPIED = 1_000_000
AVX512 = ("SkylakeX", "Cooperlake", "Sapphirerapids")


@functools.cache
def _blas() -> threadpoolctl.ThreadpoolController:
    # Finding the loaded libraries takes milliseconds.
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


_holders_lock = threading.Lock()
_holders = 0
_before: list[int | None] = []  # None: the library does not tell


def _thread_counts() -> list[int | None]:
    return [library.get_num_threads() for library in _blas().lib_controllers]


def _set_blas_threads(counts: Sequence[int | None]) -> None:
    for library, count in zip(_blas().lib_controllers, counts, strict=True):
        # Newer versions of threadpoolctl let only the thread that first set a limit set another, to
        # avoid conflicts. There are none here: only the first and the last holder set a limit.
        getattr(library, "_real_set_num_threads", library.set_num_threads)(count)


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold BLAS to one thread until the last of several concurrent holders leaves.

    The thread count belongs to the whole process. If each fit restored it by itself, the first one
    to end would let the products of the others run on other kernels.
    """
    global _holders, _before
    with _holders_lock:
        if _holders == 0:
            _before = _thread_counts()
            _set_blas_threads([1] * len(_before))
        _holders += 1
    try:
        yield
    finally:
        with _holders_lock:
            _holders -= 1
            if _holders == 0:
                _set_blas_threads(_before)


def blas_threads() -> int | None:
    """How many threads BLAS may use outside `single_threaded_blas`; None if this is unknown."""
    with _holders_lock:  # so that the limit is not read while it changes
        counts = _before if _holders else _thread_counts()
    return max((count for count in counts if count is not None), default=None)


@functools.cache
def _most_uncopied() -> int:
    kernels = {library.get("architecture", "").lower() for library in _blas().info()}
    return UNCOPIED if kernels & {name.lower() for name in AVX512} else 0


def is_uncopied(n_rows: int, n_inner: int, n_columns: int) -> bool:
    """Whether BLAS is known to read ``(n_rows, n_inner) @ (n_inner, n_columns)`` in place."""
    return n_rows * n_inner * n_columns <= _most_uncopied()


def rows_per_product(n_rows: int, n_inner: int, n_columns: int) -> int:
    """Rows of each product when ``(n_rows, n_inner) @ (n_inner, n_columns)`` is cut by rows.

    The largest divisor of `n_rows` with which BLAS reads the operands in place, or all rows.
    """
    fewest = 16 if n_columns <= 64 else 64  # with fewer rows, calls cost more than they save
    for n_parts in range(1, n_rows // fewest + 1):
        if n_rows % n_parts == 0 and is_uncopied(n_rows // n_parts, n_inner, n_columns):
            return n_rows // n_parts
    return n_rows
