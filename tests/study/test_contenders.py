"""The contenders of a comparison: their settings, features and seeds; the time of their fits."""

from dataclasses import replace

import joblib
import numpy as np
import pytest
from helpers.made_up import fit
from numpy.testing import assert_allclose
from sklearn.base import clone

pytest.importorskip("matplotlib")

from skcnn.study.comparison import measure
from skcnn.study.comparison.contenders import CONTENDERS, Components, build, grid_of
from skcnn.study.comparison.measured import FitKey
from skcnn.study.comparison.search import order_candidates
from skcnn.study.comparison.settings import Settings
from skcnn.study.data import Images, load_images, nested_order


def test_candidates_begin_with_the_defaults_and_every_single_change():
    images = load_images("digits")
    for key in CONTENDERS:
        grid = grid_of(key, images)
        candidates = order_candidates(grid)
        default = {name: values[0] for name, values in grid[0].items()}
        assert candidates[0] == default
        changes = [sum(c.get(k, v) != v for k, v in default.items()) for c in candidates]
        assert changes == sorted(changes)
        for candidate in (candidates[0], candidates[-1]):
            build(key, candidate, seed=0)  # all are parameters of the pipeline


@pytest.mark.parametrize("key", ["pixels_svc", "patches"])
def test_only_features_that_need_no_labels_are_learned_from_all_images(digits, tmp_path, key):
    """The classifier sees the images with labels, the steps before it all training images."""
    X, y = digits
    images = Images("few", "A few digits.", X[:400], y[:400], X[400:600], y[400:600])
    params = dict(CONTENDERS[key].quick)
    path = tmp_path / "model.joblib"
    fitted = build(key, params, seed=0).fit(X[:400], y[:400])
    joblib.dump(fitted, path)

    def fit(learned):
        return measure._fit_all(
            (FitKey(key, 12.5, 50, 3),),
            {key: params},
            images,
            one_core=True,
            learned=learned,
            memory=joblib.Memory(None),
        )[0]

    def errors(model, X_train, X_test):
        return [1 - model.score(X_train, y[chosen]), 1 - model.score(X_test, y[400:600])]

    chosen = nested_order(y[:400], 3)[:50]
    X_train, X_test = (fitted[:-1].transform(part) for part in (X[chosen], X[400:600]))
    classifier = clone(fitted[-1]).fit(X_train.copy(), y[chosen])
    expected = errors(classifier, X_train, X_test)
    found = fit({key: path})
    assert [found.train_error, found.test_error] == pytest.approx(expected)
    alone = build(key, params, seed=3).fit(X[chosen], y[chosen])
    assert fit({}).test_error == pytest.approx(1 - alone.score(X[400:600], y[400:600]))
    assert found.test_error != fit({}).test_error  # the features of all images are others


def test_components_are_in_units_of_the_whole_standard_deviation(digits):
    X = digits[0][:200].reshape(200, -1).astype(np.float32)
    for part in (X, X[:30]):  # more images than pixels, and fewer
        found = Components(0.8).fit(part)
        assert 0.8 <= found.transform(part).var(axis=0, ddof=1).sum() < 0.9
        assert_allclose(Components(0.8).fit(100 * part).transform(100 * part),
                        found.transform(part), atol=1e-4)  # fmt: skip
    assert not Components().fit(np.ones((5, 3))).transform(np.ones((2, 3))).any()


def test_label_free_steps_ignore_labels(digits):
    """What `Contender.label_free` says is true of each contender, and of its copies."""
    X, y = digits[0][:120], digits[1][:120]
    for key, contender in CONTENDERS.items():
        params = dict(contender.quick)
        if contender.epochs:
            params[contender.epochs] = 2
        if contender.network:
            params |= CONTENDERS[contender.network].quick
        steps = build(key, params, seed=0, n_jobs=1)[:-1]
        if not len(steps):
            assert not contender.label_free
            continue
        features = [steps.fit(X, labels).transform(X) for labels in (y, y[::-1])]
        assert np.array_equal(*features) is contender.label_free


def test_seeded_contenders_depend_on_the_seed_and_the_others_have_no_seed():
    for key, contender in CONTENDERS.items():
        names = [k for k in build(key, {}, seed=7).get_params() if k.endswith("random_state")]
        seeds = {build(key, {}, seed=7).get_params()[name] for name in names}
        assert (7 in seeds) is contender.seeded
    settings = Settings(features=True)
    assert not settings.seeded("patches")  # their filters are those of seed 0
    assert settings.seeded("cnn_svc")
    assert Settings().seeded("patches")


def test_a_failing_fit_reports_its_error(tmp_path, digits):
    X, y = digits
    few = Images("few", "A few digits.", X[:50], y[:50], X[50:60], y[50:60])
    pipeline = build("cnn", {"cnn__filter_size": 99, "cnn__padding": "valid"}, seed=0)
    with pytest.raises(RuntimeError, match=r"(?s)process of its own.*filter"):
        measure.measure_alone(pipeline, few, tmp_path / "m")


def test_expected_seconds_of_a_fit():
    def expected(fits, *keys):
        return measure._expected_seconds(keys, fits)

    fits = {FitKey("cnn", 20, 200, 0): fit(0.1, 10.0), FitKey("cnn", 100, 1000, 0): fit(0.1, 40.0)}
    assert expected(fits, FitKey("cnn", 20, 200, 1)) == 10.0  # that of another seed
    assert expected(fits, FitKey("cnn", 30, 300, 1)) == 22.5  # the square of the ratio of images
    assert expected(fits, FitKey("cnn", 50, 500, 1)) == 40.0  # at most that of more images
    assert expected(fits, FitKey("hog_svc", 20, 200, 1)) == 0  # nothing known
    fits[FitKey("cnn_svc", 20, 200, 0)] = fit(0.1, 1.0)
    assert expected(fits, FitKey("cnn", 20, 200, 1), FitKey("cnn_svc", 20, 200, 1)) == 11.0


def test_time_to_learn_features_is_not_expected_of_a_classifier_on_them():
    fits = {
        FitKey("patches", 100, 1000, 0): replace(fit(0.1, 60.0), seconds=np.inf),
        FitKey("patches", 10, 100, 0): fit(0.1, 0.5),
    }
    assert measure._expected_seconds((FitKey("patches", 10, 100, 1),), fits) == 0.5
    assert measure._expected_seconds((FitKey("patches", 20, 200, 1),), fits) == 2.0
