"""The networks of the benchmarks, as parameters of `ConvNetClassifier`."""

from __future__ import annotations

from skcnn import ConvNetClassifier
from skcnn._fitting.architecture import build_layers
from skcnn.engine.layer import Layer
from skcnn.engine.network import Network

PLAIN = {"normalization": None}
LENET = {"filter_size": 5, "padding": "valid", "hidden_layer_sizes": (128,), **PLAIN}
SAME = {"filter_size": 3, "padding": "same", "hidden_layer_sizes": (128,)}

# name: (image shape, parameters that differ from the defaults)
NETWORKS = {
    "paper": (
        (28, 28, 1),
        {
            "n_filters": 64,
            "filter_size": 13,
            "padding": "valid",
            "pooling": "mean",
            "pool_regions": 2,
            "activation": "sigmoid",
            "hidden_layer_sizes": (10,),
            **PLAIN,
        },
    ),
    "lenet-32-64": ((28, 28, 1), {"n_filters": (32, 64), **LENET}),
    "lenet-16-32": ((28, 28, 1), {"n_filters": (16, 32), **LENET}),
    "same-3x3": ((28, 28, 1), {"n_filters": (32, 64), **SAME, **PLAIN}),
    "colour": ((32, 32, 3), {"n_filters": (32, 64, 64), **SAME, **PLAIN}),
    # with batch normalization
    "default": ((28, 28, 1), {}),
    "default-8x8": ((8, 8, 1), {}),
    "same-3x3-batch-norm": ((28, 28, 1), {"n_filters": (32, 64), **SAME}),
    "colour-batch-norm": ((32, 32, 3), {"n_filters": (32, 64, 64), **SAME}),
}
N_CLASSES = 10
ARCHITECTURE = (  # the parameters on which the layers depend
    "n_filters",
    "filter_size",
    "padding",
    "pool_size",
    "pool_regions",
    "pooling",
    "hidden_layer_sizes",
    "activation",
    "normalization",
    "dropout",
)


def settings_of(name: str) -> dict:
    """All parameters of the network `name`; only the default ones have dropout."""
    shape, changes = NETWORKS[name]
    params = ConvNetClassifier().get_params()
    if changes:
        params["dropout"] = 0.0
    return {**params, **changes, "image_shape": shape}


def layers_of(name: str) -> list[Layer]:
    """The layers of the network `name`."""
    params = settings_of(name)
    chosen = {key: params[key] for key in ARCHITECTURE}
    return build_layers(params["image_shape"], N_CLASSES, **chosen)


def build(name: str) -> Network:
    """The network `name` as the estimator builds it."""
    return Network(layers_of(name), NETWORKS[name][0])


def training_flops(network: Network) -> int:
    """FLOPs of all matrix products for one image: forward, and gradients of weights and inputs.

    The first layer does not compute the gradient of its input.
    """
    return 3 * network.flops - network.plans[0].flops
