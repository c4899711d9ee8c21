"""The library behind numpy's matrix products: held to one thread, and what sizes it likes.

Contains `single_threaded_blas`, `blas_threads`, `is_uncopied` and `rows_per_product`.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator

import threadpoolctl

# OpenBLAS's kernels for AVX-512 take products of up to so many multiplications as they are; larger
# operands it first copies into an order of its own, a price that products with few columns feel.
UNCOPIED = 1_000_000
AVX512 = ("SkylakeX", "Cooperlake", "Sapphirerapids")


@functools.cache
def _blas() -> threadpoolctl.ThreadpoolController:
    # Looking for the loaded libraries takes milliseconds, hence once.
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


_holders_lock = threading.Lock()
_holders = 0
_before: list[int] = []


def _set_blas_threads(counts) -> None:
    for library, count in zip(_blas().lib_controllers, counts, strict=False):
        # Newer threadpoolctl lets only the first thread that ever set a limit set another, so that
        # threads do not fight; they do not here, where only the first and the last holder set one.
        getattr(library, "_real_set_num_threads", library.set_num_threads)(count)


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold BLAS to one thread until the last of several concurrent holders leaves.

    BLAS's thread count belongs to the whole process: were each fit to restore it on its own, the
    first to end would let the others' products run on other kernels.
    """
    global _holders, _before
    with _holders_lock:
        if _holders == 0:
            _before = [library.get_num_threads() for library in _blas().lib_controllers]
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
    """How many threads BLAS may use here; None while it is held, or unknown."""
    counts = [library["num_threads"] for library in _blas().info()]
    return max(counts) if counts and not _holders else None


@functools.cache
def _most_uncopied() -> int:
    kernels = {library.get("architecture", "").lower() for library in _blas().info()}
    return UNCOPIED if kernels & {name.lower() for name in AVX512} else 0


def is_uncopied(n_rows: int, n_inner: int, n_columns: int) -> bool:
    """Whether BLAS is known to take ``(n_rows, n_inner) @ (n_inner, n_columns)`` as it is."""
    return n_rows * n_inner * n_columns <= _most_uncopied()


def rows_per_product(n_rows: int, n_inner: int, n_columns: int) -> int:
    """Into products of how many rows to cut ``(n_rows, n_inner) @ (n_inner, n_columns)``.

    The largest divisor of `n_rows` with which BLAS takes them as they are; or all of the rows.
    """
    fewest = 16 if n_columns <= 64 else 64  # with fewer rows the calls cost what they save
    for n_parts in range(1, n_rows // fewest + 1):
        if n_rows % n_parts == 0 and is_uncopied(n_rows // n_parts, n_inner, n_columns):
            return n_rows // n_parts
    return n_rows
