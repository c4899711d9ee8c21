"""Products cut to the sizes that BLAS takes as they are."""

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
def test_rows_per_product(n_rows, n_inner, n_columns, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blas, "_most_uncopied", lambda: most)
        each = blas.rows_per_product(n_rows, n_inner, n_columns)
        assert n_rows % each == 0
        if each < n_rows:
            assert blas.is_uncopied(each, n_inner, n_columns)
            assert not blas.is_uncopied(n_rows, n_inner, n_columns)
            assert each >= 16


@pytest.mark.parametrize("method", ["gemm", "winograd"])
def test_small_products_give_the_same_gradient(monkeypatch, method):
    """Whatever BLAS is here: cut as for one that likes small products, and not cut."""
    shape, rng = (10, 12, 2), np.random.default_rng(0)
    layers = build_layers(
        shape, 3, n_filters=(8, 6), filter_size=3, padding="same", pool_size=2, pool_regions=None,
        pooling="max", hidden_layer_sizes=(), activation="relu", dropout=0.0,
    )  # fmt: skip
    layers = [with_method(layer, method) for layer in layers]
    images, labels = rng.standard_normal((64, *shape)), rng.integers(3, size=64)
    found, cuts = [], []
    cut = blas.rows_per_product
    for most in (0, 12_000):
        monkeypatch.setattr(blas, "_most_uncopied", lambda most=most: most)

        def counted(n_rows, n_inner, n_columns):
            each = cut(n_rows, n_inner, n_columns)
            cuts.append(each < n_rows)
            return each

        monkeypatch.setattr("skcnn.engine.layers.convolution.lowering.rows_per_product", counted)
        network = Network(layers, shape, np.float64)
        network.initialize(np.random.default_rng(1))
        start = network.parameters.copy()
        with Threads(1) as pool:
            trainer = make_trainer(network, images, labels, pool)
            trainer.step(np.arange(64), step=1, rate=1.0, momentum=0.0)
        found.append(start - network.parameters)
        assert any(cuts) == bool(most)
    assert_allclose(found[1], found[0], rtol=1e-10, atol=1e-13)
