"""`pretrained` and `freeze`: networks that start from filters learned before."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from skcnn import ConvAutoencoder, ConvNetClassifier, ConvNetRegressor

SMALL = {"n_filters": (6, 8), "max_iter": 3, "random_state": 0}


def new(kind=ConvNetClassifier, **settings):
    own = {} if kind is ConvAutoencoder else {"hidden_layer_sizes": (16,)}
    return kind(**{**SMALL, **own, **settings})


def convolutions(model):
    """Weights, bias and running statistics of the convolution layers, as in prediction."""
    network = model.network_
    end = network.feature_layer
    folded, calls = network.prepare(training=False)
    for call in calls:
        call()
    return [values for p in folded[:end] for name, values in vars(p).items() if name in
            ("weights", "bias")]  # fmt: skip


def same(one, other):
    return all(map(np.allclose, convolutions(one), convolutions(other)))


@pytest.fixture(scope="module")
def sources(images):
    X, y = images
    return {
        kind.__name__: new(kind).fit(X, y)
        for kind in (ConvAutoencoder, ConvNetClassifier, ConvNetRegressor)
    }


@pytest.mark.parametrize("source", ["ConvAutoencoder", "ConvNetClassifier", "ConvNetRegressor"])
@pytest.mark.parametrize("target", [ConvNetClassifier, ConvNetRegressor])
def test_frozen_filters_stay_as_they_are(images, sources, source, target):
    X, y = images
    model = new(target, pretrained=sources[source], freeze=True).fit(X, y)
    assert same(model, sources[source])
    assert_allclose(
        model.transform(X), new(target, pretrained=sources[source], freeze=True).fit(X, y)
        .transform(X)
    )  # fmt: skip
    assert model.network_.n_frozen == 8
    assert "of these frozen" in model.network_.summary()


def test_frozen_features_are_those_of_the_autoencoder(images, sources):
    X, y = images
    source = sources["ConvAutoencoder"]
    model = new(pretrained=source, freeze=True).fit(X, y)
    assert_allclose(model.transform(X), source.transform(X), rtol=1e-4, atol=1e-5)


def test_filters_that_are_not_frozen_are_only_the_start(images, sources):
    X, y = images
    source = sources["ConvAutoencoder"]
    rate = {"learning_rate": lambda step: 1e-9, "solver": "sgd", "alpha": 0.0}
    assert_allclose(new(pretrained=source, **rate).fit(X, y).filters_, source.filters_, rtol=1e-5)
    model = new(pretrained=source).fit(X, y)
    assert not np.allclose(model.filters_, source.filters_, rtol=0.01)
    assert model.network_.n_frozen == 0


@pytest.mark.parametrize("freeze", [False, True])
def test_the_other_layers_are_drawn_as_without(images, sources, freeze):
    X, y = images
    rate = {"learning_rate": lambda step: 1e-9, "solver": "sgd", "alpha": 0.0}
    source = sources["ConvAutoencoder"]
    one = new(**rate).fit(X, y).network_.layer_parameters
    other = new(pretrained=source, freeze=freeze, **rate).fit(X, y).network_.layer_parameters
    assert_allclose(other[-2].weights, one[-2].weights, atol=1e-6)


def test_freezing_first_and_training_everything_later(images, sources):
    """A warm start with freeze=False, as for fine-tuning; and with partial_fit."""
    X, y = images
    source = sources["ConvAutoencoder"]
    model = new(pretrained=source, freeze=True, warm_start=True).fit(X, y)
    accuracy = model.score(X, y)
    model.set_params(freeze=False, max_iter=10).fit(X, y)
    assert not same(model, source)
    assert model.score(X, y) > accuracy
    stream = new(pretrained=source, freeze=True).partial_fit(X, y, classes=np.arange(10))
    assert same(stream, source)
    stream.set_params(freeze=False).partial_fit(X, y)
    assert not same(stream, source)


def test_fewer_pretrained_layers_than_convolutions(images):
    X, y = images
    source = new(ConvAutoencoder, n_filters=6).fit(X)
    model = new(pretrained=source, freeze=True).fit(X, y)
    assert_allclose(model.filters_, source.filters_)
    assert model.network_.n_frozen == 4


@pytest.mark.parametrize("several", [False, True])
def test_arrays_of_filters(images, several):
    X, y = images
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(6, 3, 3, 1)), rng.normal(size=(8, 3, 3, 6))
    source = [first, second] if several else first
    model = new(pretrained=source, freeze=True).fit(X, y)
    assert_allclose(model.filters_, first, rtol=1e-6)
    second_layer = next(i for i, p in enumerate(model.network_.layer_parameters[1:], 1)
                        if hasattr(p, "weights"))  # fmt: skip
    found = model.network_.layer_parameters[second_layer].weights.transpose(3, 0, 1, 2)
    assert np.allclose(found, second) == several


@pytest.mark.parametrize("form", [np.ndarray.tolist, list, tuple])
def test_one_array_of_filters_as_a_list(images, form):
    """A sequence is one array, unless its elements have four axes: not an array for each filter."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(6, 3, 3, 1)), rng.normal(size=(8, 3, 3, 6))
    for source, n_layers in ((form(first), 1), ([form(first), form(second)], 2)):
        model = new(pretrained=source, freeze=True).fit(*images)
        assert_allclose(model.filters_, first, rtol=1e-6)
        assert model.network_.n_frozen == 4 * n_layers


@pytest.mark.parametrize(
    ("before", "after"), [("batch", None), (None, "batch"), ("batch", "batch")]
)
def test_with_and_without_batch_normalization(images, before, after):
    """What is normalized in the source is folded into the filters of a network without it."""
    X, y = images
    source = new(ConvAutoencoder, normalization=before).fit(X)
    model = new(pretrained=source, freeze=True, normalization=after).fit(X, y)
    expected = source.transform(X)
    if after == "batch":  # a little less: its statistics start with a variance of 1 + epsilon
        assert_allclose(model.transform(X), expected, rtol=1e-3, atol=1e-3)
    else:
        assert_allclose(model.transform(X), expected, rtol=1e-3, atol=1e-4)


def test_results_do_not_depend_on_the_number_of_threads(images, sources):
    for freeze in (False, True):
        one, two = (
            new(pretrained=sources["ConvAutoencoder"], freeze=freeze, n_jobs=n).fit(*images)
            for n in (1, 2)
        )
        assert_array_equal(one.network_.snapshot(), two.network_.snapshot())


def test_pickling_and_searches(images, sources):
    from sklearn.frozen import FrozenEstimator

    X, y = images
    source = FrozenEstimator(sources["ConvAutoencoder"])
    model = new(pretrained=source, freeze=True).fit(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    search = GridSearchCV(model, {"freeze": [False, True], "pretrained": [None, source]}, cv=2,
                          error_score=0.0)  # fmt: skip
    with pytest.warns(FitFailedWarning, match="fits failed"):  # freeze without filters
        search.fit(X, y)
    assert search.best_score_ > 0.2
    assert clone(model).fit(X, y).network_.n_frozen == 8


@pytest.mark.parametrize(
    ("pretrained", "settings", "message"),
    [
        (ConvAutoencoder(), {}, "no fitted network; expected .*FrozenEstimator"),
        (np.zeros((6, 3, 3)), {}, r"an array of shape \(6, 3, 3\); expected filters of shape"),
        (np.full((6, 3, 3, 1), np.nan), {}, "finite numbers"),
        (
            [np.zeros((6, 3, 3, 1))] * 3,
            {},
            r"has 3 convolution layers, but n_filters defines 2; .* Set n_filters=\(6, 6, 6\)\.",
        ),
        (np.zeros((6, 5, 5, 1)), {}, "6 filters of 5 x 5 pixels and 1 channels in convolution"),
        (np.zeros((7, 3, 3, 1)), {}, "7 filters of 3 x 3 .* ask for 6 filters of 3 x 3 pixels"),
        (np.zeros((6, 3, 3, 3)), {}, "6 filters of 3 x 3 pixels and 3 channels"),
        (None, {"freeze": True}, "freeze=True needs pretrained filters"),
        (["filters"], {}, "expected filters of shape"),
        ([[[[1.0]], [[1.0, 2.0]]]], {}, r"pretrained has \[\[\[\[1.0\]\], .*; expected filters of"),
        (np.zeros((2, 6, 3, 3, 1)), {}, r"an array of shape \(2, 6, 3, 3, 1\); expected filters"),
        (
            np.array([np.zeros(2), None], object),
            {},
            r"an array of shape \(2,\) and dtype object; expected",
        ),
        (np.zeros((6, 3, 3, 1), complex), {}, "and dtype complex128; expected filters .* numbers"),
        (np.full((6, 3, 3, 1), 1e39), {}, "finite numbers"),
        ([], {"freeze": True}, r"pretrained is \[\]; expected at least one array"),
        ([np.zeros((6, 3, 3, 1))] * 3, {"freeze": True}, "has 3 convolution layers, but n_filters"),
    ],
)
def test_what_does_not_fit(images, pretrained, settings, message):
    model = new(pretrained=pretrained, **settings)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(*images)
    assert vars(model) == before


def test_a_warm_start_does_not_load_filters_again(images, sources):
    """What is frozen is what the first fit was started from."""
    X, y = images
    source = sources["ConvAutoencoder"]
    model = new(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="freeze=True needs a network that started from"):
        model.set_params(pretrained=source, freeze=True).fit(X, y)
    model = new(warm_start=True, pretrained=source).fit(X, y)
    before = model.filters_.copy()
    model.set_params(pretrained=clone(source), freeze=True).fit(X, y)
    assert_array_equal(model.filters_, before)


def test_freezing_needs_a_network_that_started_from_filters(images, sources):
    """Not the parameter itself: a warm start does not read it again."""
    source = sources["ConvAutoencoder"]
    model = new(warm_start=True, pretrained=source).fit(*images)
    before = model.filters_.copy()
    model.set_params(pretrained=None, freeze=True).fit(*images)
    assert_array_equal(model.filters_, before)
    assert model.network_.n_frozen == 8


def test_an_autoencoder_has_no_parameters_that_it_does_not_use():
    assert not {"pretrained", "freeze"} & set(dir(ConvAutoencoder()))


def test_an_estimator_without_a_network(images):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(ValueError, match=r"LogisticRegression\(\), which has no fitted network"):
        new(pretrained=LogisticRegression()).fit(*images)
    with pytest.raises(NotFittedError):
        new(pretrained=None).predict(images[0])
