"""HOG's automatic cells: every pixel counts, and long images have a bounded number of features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from skimage.feature import hog

from skcnn import HOGTransformer
from skcnn._features.hog_features import resolve_settings

DEFAULTS = {
    "orientations": 8,
    "pixels_per_cell": "auto",
    "cells_per_block": "auto",
    "block_norm": "L2-Hys",
    "transform_sqrt": False,
}


def resolve(height, width, **changes):
    return resolve_settings((height, width, 1), **DEFAULTS | changes)


sides = st.one_of(st.integers(1, 100), st.integers(1, 5000))


@given(height=sides, width=sides)
def test_cells_cover_every_image(height, width):
    found = resolve(height, width)
    for axis, length in enumerate((height, width)):
        padded = length + found.padding[axis]
        assert padded % found.cell[axis] == 0
        assert found.padding[axis] < found.cell[axis] <= length
    assert found.cell[0] == found.cell[1] or found.cell == (
        min(height, max(found.cell)),
        min(width, max(found.cell)),
    )
    assert found.n_features <= 10_000
    flipped = resolve(width, height)
    assert (flipped.cell, flipped.n_blocks) == (found.cell[::-1], found.n_blocks[::-1])


@given(side=st.integers(2, 1000))
def test_square_images_have_about_seven_cells_a_side(side):
    found = resolve(side, side)
    n_cells = (side + found.padding[0]) // found.cell[0]
    assert n_cells == -(-side // 2) or 5 < n_cells < 11


@given(height=sides, width=sides, block=st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_explicit_blocks_fit_if_they_fit_the_smallest_cells(height, width, block):
    """Cells do not grow beyond what a given block allows."""
    side = min(max(2, min(height, width) // 7), height, width)
    if -(-height // side) < block[0] or -(-width // side) < block[1]:
        with pytest.raises(ValueError, match="smaller than one block"):
            resolve(height, width, cells_per_block=block)
    else:
        found = resolve(height, width, cells_per_block=block)
        assert found.block == block
        assert min(found.n_blocks) >= 1


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("shape", [(3, 3), (3, 5), (9, 17), (29, 14)])
def test_every_pixel_counts(shape, n_channels):
    """A change of any pixel changes the features."""
    image = np.random.default_rng(0).random((*shape, n_channels))
    changed = np.repeat(image[None], 1 + shape[0] * shape[1], axis=0)
    for number, (row, column) in enumerate(np.ndindex(shape), start=1):
        changed[number, row, column] = 2 - changed[number, row, column]
    features = HOGTransformer().transform(changed)
    assert (features[1:] != features[0]).any(axis=1).all()


@settings(max_examples=20)
@given(height=st.integers(3, 40), width=st.integers(3, 40), n_channels=st.sampled_from([1, 3]))
def test_features_are_those_of_the_padded_images(height, width, n_channels):
    X = np.random.default_rng(0).integers(0, 255, (3, height, width, n_channels), dtype=np.uint8)
    found = resolve(height, width)
    rows, columns = found.padding
    padded = np.pad(
        X,
        ((0, 0), (rows // 2, -(-rows // 2)), (columns // 2, -(-columns // 2)), (0, 0)),
        mode="edge",
    )
    expected = [
        hog(image, 8, found.cell, found.block, "L2-Hys", channel_axis=-1).astype(np.float32)
        for image in padded
    ]
    transformer = HOGTransformer(image_shape=(height, width, n_channels)).fit(X)
    assert_array_equal(transformer.transform(X), expected)
    assert len(set(transformer.get_feature_names_out())) == len(expected[0])


def test_long_images(digits):
    X = np.zeros((2, 400, 20), dtype=np.uint8)
    X[1, 390:398, 6:14] = digits[0][0]
    features = HOGTransformer().fit_transform(X)
    assert features.shape[1] <= 10_000
    assert features[1].any()
    assert HOGTransformer(image_shape=(1, 3072)).fit(np.zeros((1, 3072))).transform(
        np.zeros((1, 3072))
    ).shape == (1, 9168)


def test_a_failed_fit_changes_nothing(digits):
    X = digits[0][:5]
    for estimator in (HOGTransformer(), HOGTransformer().fit(X)):
        estimator.set_params(pixels_per_cell=9)
        before = dict(vars(estimator))
        with pytest.raises(ValueError, match="smaller than one block"):
            estimator.fit(X)
        assert vars(estimator) == before
