"""The optimizer's blocks are shared out evenly among the threads."""

from skcnn.engine.training.blocks import Block, share_out


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
