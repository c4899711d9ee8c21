"""skcnn on a dask cluster of two worker processes, and on dask arrays."""

import functools
import os
import runpy
from contextlib import nullcontext
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_validate, train_test_split

from skcnn import ConvNetClassifier, HOGTransformer, make_hog_svc
from skcnn._features import batches
from skcnn._features.hog_features import HOGSettings
from skcnn._parallel import n_threads

REASON = "needs dask and zarr: pip install skcnn[distributed]"
distributed = pytest.importorskip("distributed", reason=REASON)
da = pytest.importorskip("dask.array", reason=REASON)
zarr = pytest.importorskip("zarr", reason=REASON)

EXAMPLES = Path(__file__).parents[1] / "examples"


DASHBOARD = "127.0.0.1:0"  # any free port; None would be 8787, and a warning if it is in use


@pytest.fixture(scope="module")
def client():
    """A client of two worker processes with one thread each."""
    environment = os.environ.copy()
    for name in [name for name in os.environ if name.endswith("_NUM_THREADS")]:
        del os.environ[name]  # dask would pass them on instead of its own limits
    try:
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=DASHBOARD
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            client.run(np.linalg.norm, [1.0])  # both workers have started
            yield client
    finally:
        os.environ.clear()  # dask's limits are for its workers only
        os.environ.update(environment)


@pytest.fixture
def sent(monkeypatch):
    """The arrays that joblib sends to the workers."""
    arrays = []
    scatter = distributed.Client.scatter

    def recorded(self, data, *args, **kwargs):
        if isinstance(data, np.ndarray):
            arrays.append(data)
        return scatter(self, data, *args, **kwargs)

    monkeypatch.setattr(distributed.Client, "scatter", recorded)
    return arrays


def load_example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name=name)


def test_one_thread_for_each_network(client):
    workers = client.run(n_threads, None)
    assert list(workers.values()) == [1, 1]
    with joblib.parallel_config("dask"):
        tasks = joblib.Parallel()(joblib.delayed(n_threads)(None) for _ in range(4))
    assert tasks == [1] * 4


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        (
            ConvNetClassifier(max_iter=2, augment="shift", random_state=0),
            lambda fitted: fitted.network_.parameters,
        ),
        (make_hog_svc(n_jobs=1), lambda fitted: fitted[-1].dual_coef_),
    ],
    ids=["CNN", "HOG + SVC"],
)
def test_fits_are_bit_identical(client, images, sent, model, weights):
    X, y = images
    settings = {"cv": 3, "return_estimator": True}
    expected = cross_validate(model, X, y, n_jobs=1, **settings)
    assert not sent
    with joblib.parallel_config("dask"):
        found = cross_validate(model, X, y, **settings)
    assert sum(array is X for array in sent) == 1  # not once for each fit
    np.testing.assert_array_equal(found["test_score"], expected["test_score"])
    for ours, theirs in zip(found["estimator"], expected["estimator"], strict=True):
        np.testing.assert_array_equal(weights(ours), weights(theirs))


def test_hog_is_spread_over_the_workers(client, monkeypatch, sent):
    X = np.random.default_rng(0).integers(256, size=(1000, 8, 8), dtype=np.uint8)
    expected = HOGTransformer().fit_transform(X)
    monkeypatch.setattr(batches, "_PARALLEL_SECONDS", 0)
    monkeypatch.setattr(batches, "_BATCH_IMAGES", 100)
    here = []
    compute = HOGSettings.compute

    @functools.wraps(compute)  # pickle looks the method up by its name
    def counted(self, images):
        here.append(len(images))
        return compute(self, images)

    monkeypatch.setattr(HOGSettings, "compute", counted)
    with joblib.parallel_config("dask"):
        found = HOGTransformer().fit_transform(X)
        assert here == [1, 100]  # the other nine batches: in the workers
        alone = HOGTransformer(n_jobs=1).fit_transform(X)
        assert sum(here) == 101 + 1001
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(alone, expected)
    # Each image is sent once, in any order.
    assert [len(array) for array in sent] == [100] * 9
    assert {image.tobytes() for array in sent for image in array} == {
        image.tobytes() for image in X[100:]
    }


def test_workers_help_a_worker(client):
    X = np.random.default_rng(0).integers(256, size=(600, 8, 8), dtype=np.uint8)
    expected = HOGTransformer().fit_transform(X)
    client.run(setattr, batches, "_PARALLEL_SECONDS", 0)  # however little work it is
    try:
        with joblib.parallel_config("dask"):
            tasks = (joblib.delayed(HOGTransformer().fit_transform)(X) for _ in range(3))
            found = joblib.Parallel()(tasks)
    finally:
        client.run(setattr, batches, "_PARALLEL_SECONDS", batches._PARALLEL_SECONDS)
    assert len(found) == 3
    for features in found:
        np.testing.assert_array_equal(features, expected)


@pytest.mark.parametrize("kind", ["dask", "zarr"])
def test_other_arrays_are_converted(images, kind):
    X, y = images
    if kind == "dask":
        lazy, labels = da.from_array(X, chunks=100), da.from_array(y, chunks=100)
    else:
        lazy, labels = zarr.array(X, chunks=(100, 8, 8)), zarr.array(y, chunks=(100,))
    cnn = ConvNetClassifier(max_iter=1, random_state=0)
    expected, found = clone(cnn).fit(X, y), cnn.fit(lazy, labels)
    np.testing.assert_array_equal(found.network_.parameters, expected.network_.parameters)
    predicted = found.predict_proba(lazy)
    assert type(predicted) is np.ndarray
    np.testing.assert_array_equal(predicted, expected.predict_proba(X))
    np.testing.assert_array_equal(
        HOGTransformer().fit_transform(lazy), HOGTransformer().fit_transform(X)
    )


def test_dask_array_of_unknown_length(images):
    X, y = images
    lazy, labels = da.from_array(X, chunks=100), da.from_array(y, chunks=100)
    cnn = ConvNetClassifier(max_iter=1, random_state=0)
    found = clone(cnn).fit(lazy[labels > 4], labels[labels > 4])
    expected = clone(cnn).fit(X[y > 4], y[y > 4])
    np.testing.assert_array_equal(found.network_.parameters, expected.network_.parameters)


def test_grid_search_example(client, digits, capsys):
    example = load_example("dask_grid_search")
    address = client.scheduler.address
    found = example["main"](["--quick", "--time", "--rounds=1", f"--scheduler={address}"])
    printed = capsys.readouterr().out
    assert "2 workers are ready" in printed
    assert "All engines found the same scores." in printed
    for engine in ("n_jobs=1", "loky, two processes", "dask"):
        assert f"\n| {engine} | " in printed

    X, y = digits[0][:300], digits[1][:300]
    X_train, _, y_train, _ = train_test_split(X, y, stratify=y, random_state=0)
    expected = {
        name: example["run"](search, X_train, y_train, nullcontext)
        for name, search in example["make_searches"](quick=True).items()
    }
    for name in expected:
        for fold in range(2):
            scores, theirs = (
                searches[name].cv_results_[f"split{fold}_test_score"]
                for searches in (found, expected)
            )
            np.testing.assert_array_equal(scores, theirs)
        assert found[name].best_params_ == expected[name].best_params_
    networks = [found["CNN"].best_estimator_.network_, expected["CNN"].best_estimator_.network_]
    np.testing.assert_array_equal(*(network.parameters for network in networks))


@pytest.mark.slow
def test_out_of_core_example(client, tmp_path, capsys):
    example = load_example("dask_out_of_core")
    address = client.scheduler.address
    found = example["main"](["--quick", f"--scheduler={address}", f"--out={tmp_path}"])
    assert "  epoch 2 of 2: 1,000 images in " in capsys.readouterr().out

    X, y = (zarr.open_array(tmp_path / "train" / f"{name}.zarr", mode="r")[:] for name in "Xy")
    X_test, y_test = (
        zarr.open_array(tmp_path / "test" / f"{name}.zarr", mode="r")[:] for name in "Xy"
    )
    features = zarr.open_array(tmp_path / "train" / "hog.zarr", mode="r")
    assert features.chunks[0] == 50
    np.testing.assert_array_equal(features[:], HOGTransformer().fit_transform(X))

    network = ConvNetClassifier(random_state=0)
    rng = np.random.default_rng(0)
    blocks = np.concatenate([rng.permutation(20) for _ in range(2)])
    for step, block in enumerate(blocks):
        rate = example["HIGHEST_RATE"] * (1 - step / len(blocks))
        network.set_params(learning_rate_init=rate)
        part = slice(50 * block, 50 * (block + 1))
        network.partial_fit(X[part], y[part], classes=np.arange(10))
    np.testing.assert_array_equal(found["network"].network_.parameters, network.network_.parameters)
    # Each image has been seen twice, which does not change the mean and the scale.
    np.testing.assert_allclose(found["network"].mean_, X.mean(), rtol=1e-9)
    np.testing.assert_allclose(found["network"].scale_, X.std(), rtol=1e-9)
    assert found["errors"]["CNN"] == pytest.approx(1 - network.score(X_test, y_test))
    assert found["errors"]["CNN"] < 0.3
    assert found["errors"]["SVM"] < 0.6

    # Memory holds a few of the 20 blocks. (Each worker computes half of them.)
    assert max(found["peaks"]["HOG"]) < 0.6 * features.nbytes
    assert found["peaks"]["SVM"][-1] < 0.6 * features.nbytes
