"""Warnings that skcnn issues, in addition to those of `sklearn.exceptions`."""

import sklearn.exceptions

__all__ = ["ImageShapeWarning", "InconsistentVersionWarning"]

UNKNOWN = "unknown"  # version of a file that does not name it


class ImageShapeWarning(UserWarning):
    """The shape of the images was guessed, and the guess is likely to be wrong.

    `fit`, the first `partial_fit` and the displays issue it if `image_shape` is None and

    - X is a table with 64 columns or more whose number is not a perfect square. Each row is then
      read as an image with a single row of pixels.
    - X is a table whose rows were read as grey squares, and their values look like flat RGB images.
      A flat image of 48 x 64 x 3 has as many values as a grey one of 96 x 96.
    - X of shape ``(n, h, w, channels)`` looks like ``(n, channels, h, w)``.
    - X of shape ``(n, h, w)`` looks like one image ``(h, w, channels)``.

    To silence it, set `image_shape`, also to the shape that was guessed.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skcnn import HOGTransformer, ImageShapeWarning
    >>> X = np.zeros((5, 300))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", ImageShapeWarning)
    ...     HOGTransformer(image_shape=(20, 15)).fit(X).image_shape_
    (20, 15, 1)
    """


class InconsistentVersionWarning(sklearn.exceptions.InconsistentVersionWarning):
    """An estimator is loaded from a file that another version of skcnn has written.

    The files of every released version are tested to load in later ones. A file of a later version
    may not load in this one, or may load and predict something else.

    Parameters
    ----------
    estimator_name : str
    current_skcnn_version, original_skcnn_version : str
        The installed version, and that of the file; "unknown" if the file does not name it.

    Attributes
    ----------
    estimator_name, current_skcnn_version, original_skcnn_version : str

    Examples
    --------
    >>> from skcnn.exceptions import InconsistentVersionWarning
    >>> print(
    ...     InconsistentVersionWarning(
    ...         estimator_name="HOGTransformer",
    ...         current_skcnn_version="0.1.0",
    ...         original_skcnn_version="0.2.0",
    ...     )
    ... )
    HOGTransformer was stored by skcnn 0.2.0, but 0.1.0 is installed. Check its predictions, then
    store it again, or install skcnn==0.2.0.
    """

    def __init__(
        self, *, estimator_name: str, current_skcnn_version: str, original_skcnn_version: str
    ) -> None:
        super().__init__(
            estimator_name=estimator_name,
            current_sklearn_version=current_skcnn_version,
            original_sklearn_version=original_skcnn_version,
        )
        self.current_skcnn_version = current_skcnn_version
        self.original_skcnn_version = original_skcnn_version

    def __str__(self) -> str:
        wrote, installed = self.original_skcnn_version, self.current_skcnn_version
        if wrote == UNKNOWN:
            found, other = "an unknown version of skcnn", "the version that stored it"
        else:
            found, other = f"skcnn {wrote}", f"skcnn=={wrote}"
        return (
            f"{self.estimator_name} was stored by {found}, but {installed} is installed. "
            f"Check its predictions, then store it again, or install {other}."
        )
