"""Products are divided into sizes that BLAS reads without copying."""

import numpy as np
import pytest
from helpers.engine import make_trainer, with_method
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skcnn._architecture import build_layers
from skcnn.engine.network import Network
from skcnn.engine.runtime import blas
from skcnn.engine.runtime.threads import Threads

SIZES = st.integers(1, 3000)


@given(SIZES, SIZES, SIZES, st.sampled_from([0, 1000, 1_000_000]))
def test_rows_per_product_divides_the_rows_into_uncopied_products(
    n_rows, n_inner, n_columns, limit
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blas, "_most_uncopied", lambda: limit)
        rows = blas.rows_per_product(n_rows, n_inner, n_columns)
        assert n_rows % rows == 0
        if rows < n_rows:
            assert blas.is_uncopied(rows, n_inner, n_columns)
            assert not blas.is_uncopied(n_rows, n_inner, n_columns)
            assert rows >= 16


@pytest.mark.parametrize("method", ["gemm", "winograd"])
def test_divided_products_give_the_same_gradient(monkeypatch, method):
    """With and without dividing them, regardless of the BLAS library of this machine."""
    shape, rng = (10, 12, 2), np.random.default_rng(0)
    layers = build_layers(
        shape, 3, n_filters=(8, 6), filter_size=3, padding="same", pool_size=2, pool_regions=None,
        pooling="max", hidden_layer_sizes=(), activation="relu", dropout=0.0,
    )  # fmt: skip
    layers = [with_method(layer, method) for layer in layers]
    images, labels = rng.standard_normal((64, *shape)), rng.integers(3, size=64)
    gradients, divided = [], []
    rows_per_product = blas.rows_per_product
    for limit in (0, 12_000):
        monkeypatch.setattr(blas, "_most_uncopied", lambda limit=limit: limit)

        def recorded(n_rows, n_inner, n_columns):
            rows = rows_per_product(n_rows, n_inner, n_columns)
            divided.append(rows < n_rows)
            return rows

        monkeypatch.setattr("skcnn.engine.layers.convolution.lowering.rows_per_product", recorded)
        network = Network(layers, shape, np.float64)
        network.initialize(np.random.default_rng(1))
        start = network.parameters.copy()
        with Threads(1) as threads:
            trainer = make_trainer(network, images, labels, threads)
            trainer.step(np.arange(64), step=1, rate=1.0, momentum=0.0)
        gradients.append(start - network.parameters)
        assert any(divided) == bool(limit)
    assert_allclose(gradients[1], gradients[0], rtol=1e-10, atol=1e-13)
