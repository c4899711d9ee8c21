"""The optimizer's blocks are shared out evenly among the threads."""

import numpy as np
import pytest
from helpers.engine import make_trainer
from numpy.testing import assert_array_equal

from skcnn.engine.layers import BiasActivation, Dense, Flatten
from skcnn.engine.network import Network
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.blocks import Block, share_out
from skcnn.engine.training.optimizer_step import WORTH_SHARING


def test_shares_have_every_block_once_and_cost_about_the_same():
    blocks = [Block(slice(0, n)) for n in (5, 1, 9, 3, 7, 2, 8, 6, 4)]
    shares = share_out(blocks, 3)
    assert sorted(len(block) for share in shares for block in share) == list(range(1, 10))
    costs = [sum(block.cost for block in share) for share in shares]
    assert max(costs) - min(costs) <= 2


def test_a_matrix_costs_more_than_as_many_single_parameters():
    matrix = Block(slice(0, 64), matrix=(8, 8))
    first, second = share_out([*(Block(slice(0, 23)) for _ in range(4)), matrix], 2)
    assert first == [matrix]
    assert len(second) == 4


@pytest.mark.parametrize(("n_units", "n_shares"), [(1100, 2), (900, 1)])
def test_only_many_parameters_are_shared(n_units, n_shares):
    """By at most as many threads as there are blocks; they move as with one thread."""
    X = np.random.default_rng(0).standard_normal((4, 20, 10, 1)).astype(np.float32)
    trained = []
    for n_threads in (1, 2):
        network = Network([Flatten(), Dense(n_units), BiasActivation("identity")], X.shape[1:])
        network.initialize(np.random.default_rng(1))
        assert (network.n_parameters >= WORTH_SHARING) == (n_shares == 2)
        with Threads(n_threads) as threads:
            trainer = make_trainer(network, X, np.arange(4), threads)
            trainer.step(np.arange(4), step=1, rate=0.1, momentum=0.0)
        assert len(trainer._optimizer_step.shares) == min(n_threads, n_shares)
        trained.append(network.parameters)
    assert_array_equal(trained[0], trained[1])
