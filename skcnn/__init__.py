"""skcnn: convolutional networks as scikit-learn estimators, in NumPy, for the CPU."""

from skcnn._skops import SKOPS_TRUSTED
from skcnn._version import __version__
from skcnn.autoencoder import ConvAutoencoder
from skcnn.classifier import ConvNetClassifier
from skcnn.daisy import DaisyTransformer, make_daisy_svc
from skcnn.exceptions import ImageShapeWarning
from skcnn.hog import HOGTransformer, make_hog_svc
from skcnn.onnx import to_onnx
from skcnn.patches import PatchFeatures
from skcnn.regressor import ConvNetRegressor

__all__ = [
    "SKOPS_TRUSTED",
    "ConvAutoencoder",
    "ConvNetClassifier",
    "ConvNetRegressor",
    "DaisyTransformer",
    "HOGTransformer",
    "ImageShapeWarning",
    "PatchFeatures",
    "__version__",
    "make_daisy_svc",
    "make_hog_svc",
    "to_onnx",
]
