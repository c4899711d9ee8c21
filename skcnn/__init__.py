"""skcnn: convolutional networks as scikit-learn estimators, in NumPy, for the CPU."""

from skcnn.classifier import ConvNetClassifier
from skcnn.exceptions import ImageShapeWarning
from skcnn.hog import HOGTransformer, make_hog_svc

__version__ = "0.1.0"
__all__ = ["ConvNetClassifier", "HOGTransformer", "ImageShapeWarning", "make_hog_svc"]
