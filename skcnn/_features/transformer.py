"""`DescriptorTransformer`: what the transformers of scikit-image's descriptors share."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skcnn._estimator import Estimator
from skcnn._feature_names import pixel_names
from skcnn._features.batches import DescriptorSettings, iterate_features
from skcnn._input.images import validate_images
from skcnn._input.settings import ImageShape
from skcnn._parallel import n_threads
from skcnn.engine.standardization import check_pixel_size

if TYPE_CHECKING:
    from joblib import Memory
    from sklearn.utils import Tags

MOST_FEATURES = 2**31 - 1


class DescriptorTransformer(Estimator, ABC):
    """A descriptor of images without anything to learn.

    A subclass has the parameters `image_shape`, `n_jobs` and `verbose` and those of its descriptor.
    """

    @abstractmethod
    def _settings(self, shape: ImageShape) -> DescriptorSettings:
        """The parameters resolved for images of `shape`; ValueError if they do not fit."""

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the parameters and X, and store the shape of an image.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images as real numbers of any dtype. A list, a Series or a 1-D object array of images
            of one shape is stacked.
        y : ignored

        Returns
        -------
        self : the transformer

        Raises
        ------
        ValueError
            If a parameter is invalid, if X is not real images of `image_shape` with pixels up to
            1e30, or if an image is too small. The transformer then remains as it was.

        Warns
        -----
        ImageShapeWarning
            If `image_shape` is None and the shape of the images is likely to be guessed wrong.
        """
        self._validate_params()
        checked = self._copy()
        _, checked.image_shape_ = checked._check_images(X, self.image_shape, reset=True)
        self.__dict__ = checked.__dict__
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Compute the features of each image.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images as real numbers of any dtype. A memory map is read one batch at a time.

        Returns
        -------
        features : ndarray of float32 of shape (n, n_features_out)
            In the order of `get_feature_names_out`.

        Raises
        ------
        ValueError
            As in `fit`, and if the images do not have the shape seen in `fit`.
        """
        self._validate_params()
        fitted = self._copy()
        if hasattr(fitted, "image_shape_"):
            images, shape = fitted._check_images(X, fitted.image_shape_, reset=False)
        else:  # stateless: check as in fit
            images, shape = fitted._check_images(X, fitted.image_shape, reset=True)
        settings = fitted._settings(shape)
        features = np.empty((len(images), settings.n_features), dtype=np.float32)
        started = time.perf_counter()
        n_done = n_printed = 0
        for batch in iterate_features(images, settings, fitted.n_jobs):
            features[n_done : n_done + len(batch)] = batch
            n_done += len(batch)
            tenth_done = n_done - n_printed >= len(images) / 10 or n_done == len(images)
            if self.verbose > 1 or (self.verbose and tenth_done):
                _print_progress(type(self).__name__, n_done, len(images), started)
                n_printed = n_done
        return features

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name of each feature.

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
            If `fit` was not called, since the shape of an image is then not known.
        ValueError
            If `input_features` are not those of `fit`.
        """
        check_is_fitted(self, "image_shape_")
        names = pixel_names(self, input_features)
        _check_feature_names_in(self, names, generate_names=False)
        return np.array(self._settings(self.image_shape_).feature_names(), dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def _check_images(
        self, X: ArrayLike, image_shape: Sequence[int] | None, *, reset: bool
    ) -> tuple[NDArray, ImageShape]:
        """X as images and their shape, checked; with `reset`, `n_features_in_` is set."""
        images, shape = validate_images(self, X, image_shape=image_shape, reset=reset)
        n_threads(self.n_jobs)  # raises if it is 0
        n_features = self._settings(shape).n_features
        if n_features > MOST_FEATURES:
            raise ValueError(
                f"The parameters ask for {n_features:,} features of an image; expected at most "
                f"{MOST_FEATURES:,}. Lower those that are numbers of cells, rings or directions."
            )
        check_pixel_size(images, "X")  # squares of larger pixels overflow
        return images, shape


def make_descriptor_svc(
    name: str,
    transformer: type[DescriptorTransformer],
    memory: str | Memory | None,
    params: dict[str, Any],
    **svc_defaults: Any,
) -> Pipeline:
    """Pipeline of a descriptor, the step `name`, and an SVC; `params` are those of both.

    Raises
    ------
    TypeError
        If a name is a parameter of neither step.
    """
    own_names = transformer().get_params()
    svc_names = SVC().get_params()
    unknown = params.keys() - own_names.keys() - svc_names.keys()
    if unknown:
        raise TypeError(
            f"make_{name}_svc got unknown parameters: {', '.join(sorted(unknown))}; expected those "
            f"of {transformer.__name__} ({', '.join(sorted(own_names))}), those of SVC "
            f"({', '.join(sorted(svc_names.keys() - own_names.keys()))}), or memory. Check the "
            "spelling."
        )
    own = {key: value for key, value in params.items() if key in own_names}
    svc = {key: value for key, value in params.items() if key not in own_names}
    return Pipeline(
        [(name, transformer(**own)), ("svc", SVC(**{**svc_defaults, **svc}))], memory=memory
    )


def _print_progress(name: str, n_done: int, n_images: int, started: float) -> None:
    """Print a line of progress with the estimated time left."""
    seconds = time.perf_counter() - started
    print(
        f"[{name}] {n_done:,} of {n_images:,} images, {seconds:.1f} s, "
        f"about {seconds / n_done * (n_images - n_done):.1f} s left",
        flush=True,
    )
