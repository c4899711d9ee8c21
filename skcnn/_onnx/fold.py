"""From a network to the steps of its prediction: what only training needs is removed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from skcnn.engine.folding import find_folds
from skcnn.engine.layer import Layer, Shape
from skcnn.engine.network import Network


@dataclass(frozen=True)
class Step:
    """A layer and what it computes with.

    Attributes
    ----------
    layer : Layer
    in_shape, out_shape : (h, w, c) or (features,)
    arrays : dict of ndarray
        Parameters, state and derived arrays by name. A layer with weights also has the ``bias`` of
        the layer that adds it, which then has none.
    """

    layer: Layer
    in_shape: Shape
    out_shape: Shape
    arrays: dict[str, NDArray[Any]]


def steps_of(network: Network) -> list[Step]:
    """The layers that take part in prediction, with copies of their arrays.

    `Network.prepare` folds batch normalization into the filters of convolutions. Here it is also
    folded into the weights of dense layers, and the biases move to the layer with the weights.
    """
    parameters, derive = network.prepare(training=False)
    for call in derive:
        call()
    arrays = [{name: array.copy() for name, array in vars(p).items()} for p in parameters]
    plans = [
        dataclasses.replace(plan, folding="weights") if "weights" in plan.parameters else plan
        for plan in network.plans
    ]
    removed = {i for i, plan in enumerate(plans) if plan.training_only}
    for fold in find_folds(plans):
        if fold.affine not in removed:
            arrays[fold.weights]["weights"] *= arrays[fold.affine]["scale"]
            arrays[fold.bias]["bias"] += arrays[fold.affine]["shift"]
            removed.add(fold.affine)
    for i, plan in enumerate(plans):
        before = i - 1
        while before >= 0 and (before in removed or plans[before].folding == "pooling"):
            before -= 1
        if plan.folding == "bias" and before >= 0 and plans[before].folding == "weights":
            arrays[before]["bias"] = arrays[i].pop("bias")
    return [
        Step(network.layers[i], network.shapes[i], network.shapes[i + 1], arrays[i])
        for i in range(len(plans))
        if i not in removed
    ]
