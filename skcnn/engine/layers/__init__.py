"""The layers, one file for each kind. A new layer takes a new file and a line here."""

from skcnn.engine.layers.batch_norm import BatchNorm
from skcnn.engine.layers.bias_activation import BiasActivation
from skcnn.engine.layers.convolution import Conv2D
from skcnn.engine.layers.dense import Dense
from skcnn.engine.layers.dropout import Dropout
from skcnn.engine.layers.flatten import Flatten
from skcnn.engine.layers.keep_largest import KeepLargest
from skcnn.engine.layers.max_pooling import MaxPool2D
from skcnn.engine.layers.mean_pooling import MeanPool2D
from skcnn.engine.layers.noise import GaussianNoise
from skcnn.engine.layers.unflatten import Unflatten
from skcnn.engine.layers.upsample import Upsample2D

__all__ = [
    "BatchNorm",
    "BiasActivation",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "KeepLargest",
    "MaxPool2D",
    "MeanPool2D",
    "Unflatten",
    "Upsample2D",
]
