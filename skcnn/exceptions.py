"""Warnings that skcnn issues, in addition to those of `sklearn.exceptions`."""

__all__ = ["ImageShapeWarning"]


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
