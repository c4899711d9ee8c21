"""Names of features, which do not depend on the names of the columns of X."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin


class ImageFeaturesOutMixin(ClassNamePrefixFeaturesOutMixin):
    """Features of images have the name of the class and a number."""

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name of each feature: the name of the class in lower case, and a number.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked, if X was a table of pixels in `fit`: they must be the names seen there,
            or as many as an image has pixels. The name of a column of images is not checked.

        Returns
        -------
        names : ndarray of str objects of shape (n_features_out,)

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If `input_features` are not those of `fit`.
        """
        return super().get_feature_names_out(pixel_names(self, input_features))


def pixel_names(estimator: Any, input_features: ArrayLike | None) -> ArrayLike | None:
    """`input_features` if they can be names of pixels, otherwise None.

    In a `ColumnTransformer`, a column of images has one name, and so it has in a frame. Behind a
    `FunctionTransformer`, an array of images gets a name for each row of an image.
    """
    if input_features is None or hasattr(estimator, "feature_names_in_"):
        return input_features
    is_table = len(getattr(estimator, "_form", (1,))) == 1
    return input_features if is_table and np.shape(input_features) != (1,) else None
