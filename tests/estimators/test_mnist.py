"""Test errors on MNIST, with 60,000 training images and 10,000 test images."""

import pytest

from skcnn import ConvNetClassifier

pytestmark = pytest.mark.slow


def test_the_network_of_the_paper(mnist):
    """Bastani & Wang (2014), Table 2: 1.73 % test error with one hidden layer of ten units."""
    X_train, y_train, X_test, y_test = mnist
    model = ConvNetClassifier(
        n_filters=64,
        filter_size=13,
        padding="valid",
        pool_regions=2,
        pooling="mean",
        hidden_layer_sizes=(10,),
        activation="sigmoid",
        normalization=None,
        solver="adam",
        max_iter=8,
        random_state=0,
    )
    model.fit(X_train, y_train)
    assert model.network_.shapes[-1] == (10,)
    assert 1 - model.score(X_test, y_test) <= 0.0173


def test_the_default_network(mnist):
    X_train, y_train, X_test, y_test = mnist
    model = ConvNetClassifier(max_iter=6, random_state=0).fit(X_train, y_train)
    assert 1 - model.score(X_test, y_test) <= 0.007
