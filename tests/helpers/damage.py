"""Damaged files, and an error instead of waiting for ever."""

import signal
from contextlib import contextmanager

from hypothesis import strategies as st

# Places in a file, and other bytes for them.
CHANGES = st.lists(
    st.tuples(
        st.integers(0), st.one_of(st.integers(0, 255), st.sampled_from(list(b"\0\xff L12x")))
    ),
    min_size=1,
    max_size=4,
)


def changed(content, changes, cut):
    """The content with other bytes at some places; of a few files, also cut."""
    content = bytearray(content)
    for place, value in changes:
        content[place % len(content)] = value
    return bytes(content[: cut % len(content)] if cut % 8 == 0 else content)


@contextmanager
def alarm(seconds=10):
    """AssertionError if the block takes longer."""

    def ring(*_):
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
