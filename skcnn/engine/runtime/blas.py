"""The BLAS library behind NumPy's matrix products: its threads, and the sizes it is fast for."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import threadpoolctl

from skcnn.engine.runtime.locks import new_lock
from skcnn.engine.runtime.starting import start

# OpenBLAS's kernels for AVX-512 read the operands of products with up to this many multiplications
# in place. It copies larger ones into an order of its own first, which takes a notable part of the
# time of products with few columns.
UNCOPIED = 1_000_000
AVX512 = ("SkylakeX", "Cooperlake", "Sapphirerapids")


@functools.cache
def _blas() -> threadpoolctl.ThreadpoolController:
    # Finding the loaded libraries takes milliseconds.
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


_holders_lock = new_lock()
_holders: dict[int, int] = {}  # how many times each thread is one
_before: list[int | None] = []  # None: unknown


def _limits(libraries: Sequence[Any]) -> list[int | None]:
    return [library.get_num_threads() for library in libraries]


def _set_limits(libraries: Sequence[Any], limits: Iterable[int | None]) -> None:
    for library, limit in zip(libraries, limits, strict=False):
        # Newer versions of threadpoolctl let only the thread that first set a limit set another, to
        # avoid conflicts. There are none here: only the first and the last holder set a limit.
        getattr(library, "_real_set_num_threads", library.set_num_threads)(limit)


@functools.cache
def _libraries() -> tuple[list[Any], list[Any]]:
    """The libraries that have one limit for the process, and those with a limit for each thread."""
    of_process: list[Any] = []
    of_threads: list[Any] = []
    for library in _blas().lib_controllers:
        (of_threads if _has_limit_for_each_thread(library) else of_process).append(library)
    return of_process, of_threads


def _has_limit_for_each_thread(library: Any) -> bool:
    """Whether a limit that one thread sets does not hold for another: MKL, OpenMP."""
    if library.internal_api == "openblas" and library.threading_layer != "openmp":
        return False  # known; to try it might start threads of OpenBLAS
    before = _limits([library])
    other = threading.Thread(target=_set_limits, args=([library], [2 if before == [1] else 1]))
    if not start(other):
        return True  # then this thread sets the limit for itself
    other.join()
    if _limits([library]) == before:
        return True
    _set_limits([library], before)
    return False


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold BLAS to one thread until the last of several concurrent holders leaves.

    The limit of most libraries belongs to the whole process. If each fit restored it by itself, the
    first one to end would let the products of the others run on other kernels. Where each thread
    has its own limit, every thread that computes must be a holder.
    """
    with _holders_lock:  # the first call may try the limits
        of_process, of_threads = _libraries()
    own_before = _limits(of_threads)
    me, is_holder = threading.get_ident(), False

    def enter() -> None:
        nonlocal is_holder
        global _before
        with _holders_lock:
            is_first = not _holders
            if is_first:
                _before = _limits(of_process)
            mine = _holders.get(me, 0) + 1
            _holders[me] = mine
            is_holder = True  # no call since the line before, so no Ctrl-C either
            if is_first:
                _set_limits(of_process, itertools.repeat(1))
        _set_limits(of_threads, itertools.repeat(1))

    def leave() -> None:
        nonlocal is_holder
        _set_limits(of_threads, own_before)
        with _holders_lock:
            if is_holder:
                is_last = list(_holders.values()) == [1]
                # The first holder may have been interrupted before it set the limit.
                _set_limits(of_process, _before if is_last else itertools.repeat(1))
                others = _holders[me] - 1
                if others:
                    _holders[me] = others
                else:
                    del _holders[me]
                is_holder = False

    try:
        enter()
        yield
    finally:
        try:
            leave()
        except KeyboardInterrupt:  # otherwise BLAS would have one thread for ever
            leave()
            raise


def _forget_other_threads() -> None:
    """In the child of `os.fork`, which has only the thread that called it."""
    mine = _holders.get(threading.get_ident())
    if _holders and mine is None:
        _set_limits(_libraries()[0], _before)
    _holders.clear()
    if mine is not None:
        _holders[threading.get_ident()] = mine


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_other_threads)


def blas_threads() -> int | None:
    """How many threads BLAS may use outside `single_threaded_blas`; None if this is unknown."""
    with _holders_lock:  # so that the limit is not read while it changes
        of_process, of_threads = _libraries()
        limits = (_before if _holders else _limits(of_process)) + _limits(of_threads)
    return max((limit for limit in limits if limit is not None), default=None)


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
