"""Shared by several test files: a classifier that trains quickly, a measure of memory."""

import tracemalloc

from skcnn import ConvNetClassifier

# Adam without batch normalization, for tests of what does not depend on them: it needs less time.
# `test_defaults.py` tests the same with muon and batch normalization.
FAST = {
    "n_filters": 6,
    "filter_size": 3,
    "pool_size": 2,
    "hidden_layer_sizes": (),
    "normalization": None,
    "dropout": 0.0,
    "solver": "adam",
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.002,
    "batch_size": 64,
    "max_iter": 3,
    "random_state": 0,
}


def fast(**changes):
    """A classifier with the parameters `FAST` and these changes."""
    return ConvNetClassifier(**(FAST | changes))


def constant_rate(step):
    """A `learning_rate` without the warning that "constant" gives when max_iter is reached."""
    return 0.002


def peak_of(work):
    """Peak memory in bytes that Python and NumPy allocate while `work` runs."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
