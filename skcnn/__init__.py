"""skcnn: convolutional networks as scikit-learn estimators, in NumPy, for the CPU."""

from skcnn.autoencoder import ConvAutoencoder
from skcnn.classifier import ConvNetClassifier
from skcnn.daisy import DaisyTransformer, make_daisy_svc
from skcnn.exceptions import ImageShapeWarning
from skcnn.hog import HOGTransformer, make_hog_svc
from skcnn.onnx import to_onnx
from skcnn.patches import PatchFeatures
from skcnn.regressor import ConvNetRegressor

__version__ = "0.1.0"
__all__ = [
    "ConvAutoencoder",
    "ConvNetClassifier",
    "ConvNetRegressor",
    "DaisyTransformer",
    "HOGTransformer",
    "ImageShapeWarning",
    "PatchFeatures",
    "make_daisy_svc",
    "make_hog_svc",
    "to_onnx",
]
