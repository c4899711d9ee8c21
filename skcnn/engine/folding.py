"""Folding: for prediction, layers that scale and shift disappear into the layers around them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from skcnn.engine.layer import Namespace, Plan
from skcnn.engine.runtime.calls import Calls


class Fold(NamedTuple):
    """Indices of an affine layer and of the two layers that do its work in prediction."""

    affine: int
    weights: int
    bias: int


def find_folds(plans: Sequence[Plan]) -> list[Fold]:
    """Affine layers between a layer with weights, followed by any poolings, and a bias."""
    found = []
    for i, plan in enumerate(plans[:-1]):
        before = i - 1
        while before >= 0 and plans[before].folding == "pooling":
            before -= 1
        has_weights = before >= 0 and plans[before].folding == "weights"
        if plan.folding == "affine" and has_weights and plans[i + 1].folding == "bias":
            found.append(Fold(i, before, i + 1))
    return found


def fold_into(affine: Namespace, weights: Namespace, bias: Namespace) -> Calls:
    """Give the two layers arrays of their own that do the work of the affine one."""
    given, weights.weights = weights.weights, np.empty_like(weights.weights)
    given_bias, bias.bias = bias.bias, np.empty_like(bias.bias)
    return [
        partial(np.multiply, given, affine.scale, weights.weights),
        partial(np.add, given_bias, affine.shift, bias.bias),
    ]
