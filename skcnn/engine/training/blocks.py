"""Blocks of the parameter vector, and their shares among threads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skcnn.engine.network import Network

BLOCK = 1 << 16  # parameters, about: after short calls threads wait for the interpreter's lock


@dataclass(frozen=True)
class Block:
    """Part of the parameter vector.

    Attributes
    ----------
    part : slice
    layer : int or None
        Number of the layer whose whole-batch gradient this is.
    rows : slice or None
        The rows of this layer's weights.
    matrix : (inputs, outputs) or None
        The shape of the hidden weights that the optimizer moves as one matrix.
    """

    part: slice
    layer: int | None = None
    rows: slice | None = None
    matrix: tuple[int, int] | None = None

    def __len__(self) -> int:
        return int(self.part.stop - self.part.start)

    @property
    def cost(self) -> float:
        """Time to move it, about, in numbers of a block that is no matrix."""
        return len(self) * (1 + min(self.matrix) / 32 if self.matrix else 1)


def cut_into_blocks(network: Network, *, matrices: bool) -> list[Block]:
    """Blocks of the whole vector, in order; with `matrices`, the hidden weights are not cut."""
    whole_batch = network.whole_batch_slots()
    hidden = network.hidden_weights() if matrices else {}
    blocks: list[Block] = []
    done = 0  # the parameters before this one have a block
    for (index, name), slot in (whole_batch | hidden).items():  # in the order of the vector
        blocks += _pieces(done, slot.start)
        shape = network.plans[index].parameters[name].shape
        n_in, n_out = math.prod(shape[:-1]), shape[-1]
        layer = index if (index, name) in whole_batch else None
        if (index, name) in hidden:
            blocks.append(Block(slot, layer, slice(0, n_in), (n_in, n_out)))
        else:
            step = max(1, BLOCK // n_out)
            for first in range(0, n_in, step):
                last = min(first + step, n_in)
                part = slice(slot.start + first * n_out, slot.start + last * n_out)
                blocks.append(Block(part, layer, slice(first, last)))
        done = slot.stop
    return blocks + _pieces(done, network.n_parameters)


def _pieces(start: int, stop: int) -> list[Block]:
    return [Block(slice(first, min(first + BLOCK, stop))) for first in range(start, stop, BLOCK)]


def share_out(blocks: Sequence[Block], n_shares: int) -> list[list[Block]]:
    """Shares of about the same cost: each block, the largest first, goes to the smallest share."""
    shares: list[list[Block]] = [[] for _ in range(n_shares)]
    costs = [0.0] * n_shares
    for block in sorted(blocks, key=lambda block: -block.cost):
        smallest = costs.index(min(costs))
        shares[smallest].append(block)
        costs[smallest] += block.cost
    return shares
