"""The layers, one file for each kind. A new layer takes a new file and a line here."""

from skcnn.engine.layers.batch_norm import BatchNorm
from skcnn.engine.layers.bias_activation import BiasActivation
from skcnn.engine.layers.convolution import Conv2D
from skcnn.engine.layers.dense import Dense
from skcnn.engine.layers.dropout import Dropout
from skcnn.engine.layers.flatten import Flatten
from skcnn.engine.layers.max_pooling import MaxPool2D
from skcnn.engine.layers.mean_pooling import MeanPool2D

__all__ = [
    "BatchNorm",
    "BiasActivation",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "MaxPool2D",
    "MeanPool2D",
]
