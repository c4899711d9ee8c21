"""What a network should return for each image, and the losses that it must beat."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.training.losses import SoftmaxCrossEntropy, SquaredError
from skcnn.engine.training.targets import ClassTargets, ImageTargets, RowTargets

INDICES = np.array([3, 0, 3])
NO_IMAGES = np.empty((0, 4, 4, 1))


def test_class_targets_are_rows_of_a_table():
    table = np.array([[0.9, 0.1], [0.2, 0.8]])
    out = np.empty((3, 2))
    ClassTargets(np.array([1, 0, 0, 0]), table).read(INDICES, NO_IMAGES, out)
    assert_array_equal(out, table[[0, 1, 0]])


def test_row_targets():
    rows = np.arange(8.0).reshape(4, 2)
    out = np.empty((3, 2))
    RowTargets(rows).read(INDICES, NO_IMAGES, out)
    assert_array_equal(out, rows[INDICES])


def test_image_targets_are_the_images_in_the_order_of_features():
    stored = np.random.default_rng(0).random((4, 3, 5, 2))  # (h, t, w, c), as in a workspace
    images = stored.swapaxes(0, 1)
    out = np.empty((3, 40))
    ImageTargets(1.0).read(INDICES, images, out)
    assert_array_equal(out, images.reshape(3, 40))


def test_class_targets_and_the_same_rows_have_the_same_references():
    rng = np.random.default_rng(0)
    labels, table = rng.integers(0, 3, 50), np.eye(3) * 0.7 + 0.1
    weights, indices = rng.random(50), rng.permutation(50)[:30]
    for chosen in (None, weights):
        by_class, by_row = (
            targets.references(SoftmaxCrossEntropy(), indices, chosen)
            for targets in (ClassTargets(labels, table), RowTargets(table[labels]))
        )
        assert_allclose(by_class, by_row, rtol=1e-12)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.0, 5.0])])
def test_references_of_numbers(weights):
    """Half the mean variance of the targets of the chosen images."""
    rows = np.array([[1.0, 2.0], [3.0, -1.0], [7.0, 7.0], [0.0, 4.0]])
    indices = np.array([0, 1, 3])
    chosen = np.ones(3) if weights is None else weights[indices]
    mean = np.average(rows[indices], axis=0, weights=chosen)
    variance = np.average((rows[indices] - mean) ** 2, axis=0, weights=chosen).mean()
    found = RowTargets(rows).references(SquaredError(), indices, weights)
    assert_allclose(found, (0, variance / 2), rtol=1e-12)
