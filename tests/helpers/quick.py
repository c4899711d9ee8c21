"""What several test files share: a network that is trained in no time, a measure of memory."""

import tracemalloc

from skcnn import ConvNetClassifier

# also what is the default, as defaults are tuned now and then
FAST = {
    "n_filters": 6,
    "filter_size": 3,
    "pool_size": 2,
    "hidden_layer_sizes": (),
    "dropout": 0.0,
    "learning_rate_init": 0.002,
    "batch_size": 64,
    "max_iter": 3,
    "random_state": 0,
}


def fast(**changes):
    return ConvNetClassifier(**(FAST | changes))


def constant_rate(step):
    """For `learning_rate`; asks for no warning when max_iter is over, as "constant" would."""
    return 0.002


def peak_of(work):
    """Bytes that Python and numpy allocate at most while `work` runs."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


# of skcnn.study.comparison.run: a comparison in some seconds
SMALL = {"train_size": 120, "seeds": 2, "candidates": 2, "quick": True}
