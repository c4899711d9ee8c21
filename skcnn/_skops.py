"""The types of skcnn that a skops file may contain."""

from __future__ import annotations

from skcnn import augment
from skcnn._features.patch_features import PatchFilters
from skcnn._fitting.split import Split
from skcnn._fitting.unfinished import UnfinishedFit
from skcnn.autoencoder import ConvAutoencoder
from skcnn.classifier import ConvNetClassifier
from skcnn.daisy import DaisyTransformer
from skcnn.engine import layers
from skcnn.engine.network import Network
from skcnn.engine.standardization import ChannelStatistics
from skcnn.engine.training.early_stopping import StoppingState
from skcnn.engine.training.loop import Position
from skcnn.engine.training.settings import TrainingState
from skcnn.hog import HOGTransformer
from skcnn.patches import PatchFeatures
from skcnn.regressor import ConvNetRegressor

_TYPES: tuple[type, ...] = (
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
    Network,
    *(getattr(layers, name) for name in layers.__all__),
    TrainingState,
    ChannelStatistics,
    Split,
    UnfinishedFit,
    Position,
    StoppingState,
    PatchFilters,
    augment.Affine,
    augment.Compose,
    augment.Elastic,
    augment.Flip,
    augment.Shift,
)

SKOPS_TRUSTED: list[str] = sorted(f"{kind.__module__}.{kind.__qualname__}" for kind in _TYPES)
"""Names of the types of skcnn that a skops file may contain: pass it as ``trusted``."""
