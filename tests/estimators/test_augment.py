"""`skcnn.augment`: geometry against naive implementations, randomness, limiting cases."""

import itertools
import math
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.augment import AUGMENTATIONS, Affine, Compose, Elastic, Flip, Shift, _smoother, sample


def naive_sample(images, rows, columns):
    """Bilinear interpolation, pixel by pixel."""
    _, h, w, channels = images.shape
    out = np.zeros((*rows.shape, channels))
    for at in np.ndindex(rows.shape):
        row, column = np.clip(rows[at], 0, h - 1), np.clip(columns[at], 0, w - 1)
        top, left = math.floor(row), math.floor(column)
        for y, x in itertools.product((top, top + 1), (left, left + 1)):
            share = (1 - abs(row - y)) * (1 - abs(column - x))
            if share > 0:
                out[at] += share * images[at[0], y, x]
    return out


@pytest.mark.parametrize("shape", [(3, 6, 9, 1), (2, 7, 4, 3), (2, 1, 5, 1), (1, 1, 1, 2)])
def test_sample_interpolates_between_pixels(shape):
    rng = np.random.default_rng(0)
    images = rng.random(shape, np.float32)
    n, h, w, _ = shape
    rows = rng.uniform(-2, h + 1, (n, h, w)).astype(np.float32)
    columns = rng.uniform(-2, w + 1, (n, h, w)).astype(np.float32)
    rows[0, 0, 0], columns[0, 0, 0] = h - 1, w - 1  # the last corner
    expected = naive_sample(images, rows, columns)
    assert_allclose(sample(images, rows, columns), expected, atol=1e-5)


class FixedDraws:
    """Stands for a random generator and always draws the same numbers."""

    def __init__(self, values):
        self.values = np.array(values, float)

    def uniform(self, low, high, shape):
        return np.broadcast_to(self.values[:, None, None, None], shape)


def test_shift_by_whole_pixels():
    """Up to `reach`, along both axes, all equally often; edges as in `sample`."""
    images = np.random.default_rng(0).random((1, 10, 20, 2), np.float32)
    many = np.broadcast_to(images, (3000, *images.shape[1:]))
    shifted = Shift(reach=0.1, whole_pixels=True)(many, np.random.default_rng(1))
    assert shifted.dtype == np.float32
    found = {}
    for down, right in itertools.product(range(-1, 2), range(-2, 3)):
        rows, columns = np.meshgrid(np.arange(10.0), np.arange(20.0), indexing="ij")
        expected = naive_sample(images, rows[None] + down, columns[None] + right)
        found[down, right] = (shifted == np.float32(expected)).all(axis=(1, 2, 3)).sum()
    assert sum(found.values()) == 3000
    # five standard deviations of a binomial count
    assert all(abs(count - 200) < 70 for count in found.values())


def test_shift_by_whole_pixels_moves_small_images_by_one_pixel():
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1)
    shift = Shift(whole_pixels=True)
    moved = [shift(image, np.random.default_rng(seed))[0, 4, 4, 0] for seed in range(200)]
    assert set(moved) == {image[0, y, x, 0] for y in (3, 4, 5) for x in (3, 4, 5)}
    still = Shift(reach=0, whole_pixels=True)(image, np.random.default_rng(0))
    assert_array_equal(still, image)


def test_affine_is_rotation_after_shear_after_scale_about_the_centre():
    h, w = 7, 11
    affine = Affine(rotation=20, shear=10, scale=0.2, reach=0.1)
    draws = [0.5, -1.0, 0.25, -0.5, 0.3, -0.8]
    rows, columns = affine.coordinates((1, h, w, 1), FixedDraws(draws))
    angle, shear = np.deg2rad(20 * 0.5), np.tan(np.deg2rad(-10))
    rotate = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = rotate @ [[1, 0], [shear, 1]] @ np.diag([1.05, 0.9])
    centre = np.array([(h - 1) / 2, (w - 1) / 2])
    for y, x in np.ndindex(h, w):
        expected = matrix @ ([y, x] - centre) + centre + [0.03 * h, -0.08 * w]
        assert_allclose([rows[0, y, x], columns[0, y, x]], expected, atol=1e-5)


def test_rotation_by_90_degrees():
    image = np.random.default_rng(0).random((1, 5, 5, 2), np.float32)
    rotation = Affine(rotation=90, shear=0, scale=0, reach=0)
    rows, columns = rotation.coordinates(image.shape, FixedDraws([1, 0, 0, 0, 0, 0]))
    rotated = sample(image, rows, columns)
    assert any(np.allclose(rotated[0], np.rot90(image[0], k), atol=1e-5) for k in (1, -1))


def test_shift_moves_by_a_fraction_of_the_side():
    images = np.random.default_rng(0).random((1, 10, 20, 1), np.float32)
    # 10 % of the side: reads one row further down and two columns further left
    moved = Shift(reach=0.1)(images, FixedDraws([0.1, -0.1]))
    assert_allclose(moved[0, :-1, 2:], images[0, 1:, :-2], atol=1e-5)


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - {"flip"}))
def test_each_image_is_transformed_differently(name):
    images = np.repeat(np.random.default_rng(0).random((1, 12, 12, 1), np.float32), 4, axis=0)
    before = images.copy()
    transformed = AUGMENTATIONS[name](images, np.random.default_rng(1))
    assert transformed.dtype == np.float32
    assert transformed.shape == images.shape
    assert_array_equal(images, before)
    for first, second in itertools.combinations(transformed, 2):
        assert np.abs(first - second).max() > 0.01
    assert_array_equal(transformed, AUGMENTATIONS[name](images, np.random.default_rng(1)))
    assert not np.array_equal(transformed, AUGMENTATIONS[name](images, np.random.default_rng(2)))


def test_smoothed_noise_has_unit_variance_at_every_pixel():
    """So that `strength` is the standard deviation of the displacements, also at the edges."""
    noise = np.random.default_rng(0).random((4000, 28, 28)) - 0.5
    field = _smoother(28, 1 / 6) @ noise @ _smoother(28, 1 / 6).T
    assert_allclose(field.std(axis=0), 1, atol=0.06)


def test_elastic_without_smoothing_and_without_strength():
    identity = Affine(rotation=0, shear=0, scale=0, reach=0)
    images = np.random.default_rng(0).random((2, 9, 9, 1), np.float32)
    rough = Elastic(strength=0.1, smoothness=0.0, affine=identity)(images, np.random.default_rng(0))
    assert np.isfinite(rough).all()
    assert np.abs(rough - images).max() > 0.01
    unchanged = Elastic(strength=0.0, affine=identity)(images, np.random.default_rng(0))
    assert_allclose(unchanged, images, atol=1e-6)


def test_flip_mirrors_half_of_the_images():
    images = np.random.default_rng(0).random((200, 4, 5, 3), np.float32)
    before = images.copy()
    flipped = Flip()(images, np.random.default_rng(1))
    assert_array_equal(images, before)
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(flipped, images, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(flipped, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 70 < sum(mirrored) < 130


@pytest.mark.parametrize("probability", [0, 1])
def test_flip_of_none_and_of_all(probability):
    images = np.random.default_rng(0).random((20, 4, 5, 1), np.float32)
    flipped = Flip(probability)(images, np.random.default_rng(1))
    assert_array_equal(flipped, images[:, :, ::-1] if probability else images)


def test_compose_applies_its_steps_in_order():
    images = np.random.default_rng(0).random((3, 4, 5, 1), np.float32)
    steps = (lambda images, rng: images + 1, lambda images, rng: images * rng.random())
    composed = Compose(steps)(images, np.random.default_rng(1))
    assert_array_equal(composed, (images + 1) * np.random.default_rng(1).random())


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        (Flip, "probability", 1.5),
        (Flip, "probability", -0.1),
        (Flip, "probability", math.nan),
        (Flip, "probability", "half"),
        (Flip, "probability", True),
        (Shift, "reach", -1),
        (Shift, "reach", math.inf),
        (Affine, "rotation", -1),
        (Affine, "shear", 90),
        (Affine, "scale", 1.1),
        (Shift, "whole_pixels", "no"),
        (Elastic, "affine", None),
        (Affine, "reach", None),
        (Elastic, "strength", math.nan),
        (Elastic, "smoothness", -0.1),
    ],
)
def test_strengths_out_of_range_are_errors(cls, name, value):
    message = f"{name} of {cls.__name__} is {value!r}; expected"
    with pytest.raises(ValueError, match=re.escape(message)):
        cls(**{name: value})


def test_the_largest_strengths_are_allowed():
    images = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
    for largest in (Flip(1), Affine(rotation=180, shear=89, scale=1, reach=1), Shift(2.0)):
        assert np.isfinite(largest(images, np.random.default_rng(0))).all()
