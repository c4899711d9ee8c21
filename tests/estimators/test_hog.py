"""`HOGTransformer` against `skimage.feature.hog` image by image, and `make_hog_svc`."""

import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers.estimator_checks import parametrize_with_checks
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from skimage.feature import hog
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score

from skcnn._features import batches, hog_features
from skcnn.hog import HOGTransformer, make_hog_svc


@parametrize_with_checks(
    [
        HOGTransformer(),
        HOGTransformer(orientations=5, block_norm="L1-sqrt"),
        HOGTransformer(pixels_per_cell=1, cells_per_block=1),
        HOGTransformer(transform_sqrt=True),
    ]
)
def test_estimator_checks(estimator, check):
    check(estimator)


@settings(max_examples=60)
@given(data=st.data())
def test_equals_skimage(data):
    """The features are skimage's, rounded to float32, for any geometry, dtype and norm."""
    cell = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    block = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    height, width = (c * b + data.draw(st.integers(0, 9)) for c, b in zip(cell, block, strict=True))
    channels = data.draw(st.sampled_from([None, 1, 3]))
    dtype = data.draw(st.sampled_from([np.uint8, np.int64, np.float32, np.float64]))
    options = {
        "orientations": data.draw(st.integers(1, 12)),
        "block_norm": data.draw(st.sampled_from(["L1", "L1-sqrt", "L2", "L2-Hys"])),
        "transform_sqrt": data.draw(st.booleans()),
    }
    shape = (4, height, width) if channels is None else (4, height, width, channels)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = rng.integers(0, 256, shape).astype(dtype)
    transformer = HOGTransformer(pixels_per_cell=cell, cells_per_block=block, **options)
    features = transformer.fit_transform(X)

    expected = [
        hog(
            image,
            pixels_per_cell=cell,
            cells_per_block=block,
            channel_axis=None if channels is None else -1,
            **options,
        ).astype(np.float32)
        for image in X
    ]
    assert features.dtype == np.float32
    assert_array_equal(features, expected)
    assert len(transformer.get_feature_names_out()) == features.shape[1]
    assert len(set(transformer.get_feature_names_out())) == features.shape[1]


@pytest.mark.parametrize(
    ("shape", "cell", "block"),
    [
        ((28, 28), (4, 4), (3, 3)),
        ((8, 8), (2, 2), (3, 3)),
        ((32, 100), (4, 4), (3, 3)),
        ((4, 4), (2, 2), (2, 2)),
        ((2, 40), (2, 2), (1, 3)),
        ((1, 10), (1, 1), (1, 3)),
        ((1, 2), (1, 1), (1, 2)),
        ((1, 1), (1, 1), (1, 1)),
    ],
)
def test_auto_cells_and_blocks(shape, cell, block):
    """As documented, down to images of a single pixel."""
    X = np.random.default_rng(0).random((3, *shape))
    auto = HOGTransformer().fit_transform(X)
    assert_array_equal(
        auto, HOGTransformer(pixels_per_cell=cell, cells_per_block=block).fit_transform(X)
    )
    assert auto.any() == (max(shape) > 2)  # a gradient needs three pixels in a row


def test_int_means_a_square():
    X = np.random.default_rng(0).random((3, 12, 12))
    assert_array_equal(
        HOGTransformer(pixels_per_cell=3, cells_per_block=2).fit_transform(X),
        HOGTransformer(pixels_per_cell=[3, 3], cells_per_block=(2, 2)).fit_transform(X),
    )


def test_every_form_of_X(digits, tmp_path):
    X = digits[0][:50]
    expected = HOGTransformer().fit_transform(X)
    flat = X.reshape(50, -1)
    np.save(tmp_path / "X.npy", X)
    forms = {
        "table": flat,
        "channels": X[..., np.newaxis],
        "nested lists": X.tolist(),
        "frame": pd.DataFrame(flat),
        "memory map": np.load(tmp_path / "X.npy", mmap_mode="r"),
        "Fortran order": np.asfortranarray(X),
        "big-endian": X.astype(">f8"),
    }
    for name, form in forms.items():
        assert_array_equal(HOGTransformer().fit_transform(form), expected, err_msg=name)
        assert_array_equal(HOGTransformer().transform(form), expected, err_msg=name)
        assert_array_equal(HOGTransformer().fit(flat).transform(form), expected, err_msg=name)


def test_image_shape_of_a_table():
    X = np.random.default_rng(0).random((5, 12, 20, 3))
    by_shape = HOGTransformer(image_shape=(12, 20, 3)).fit_transform(X.reshape(5, -1))
    assert_array_equal(by_shape, HOGTransformer().fit_transform(X))


def test_stateless(digits):
    """`transform` works without `fit`, and does not change the transformer."""
    transformer = HOGTransformer(image_shape=(8, 8))
    before = dict(vars(transformer))
    features = transformer.transform(digits[0][:5])
    assert vars(transformer) == before
    assert_array_equal(features, clone(transformer).fit_transform(digits[0][:5]))
    with pytest.raises(NotFittedError):
        transformer.get_feature_names_out()


def test_feature_names_give_position_and_direction():
    """The largest feature of an edge is named after the cell and the direction of the edge."""
    X = np.zeros((2, 12, 12))
    X[0, 3:9, 9:] = 1  # in the cell of row 1 and column 2 brightness changes along a row only
    X[1] = X[0].T  # the cell of row 2 and column 1: along a column
    transformer = HOGTransformer(pixels_per_cell=4, cells_per_block=2, orientations=4).fit(X)
    names = transformer.get_feature_names_out()
    assert names[:5].tolist() == [
        "block0_0_cell0_0_0deg",
        "block0_0_cell0_0_45deg",
        "block0_0_cell0_0_90deg",
        "block0_0_cell0_0_135deg",
        "block0_0_cell0_1_0deg",
    ]
    features = pd.DataFrame(transformer.transform(X), columns=names)
    # block 1_1 starts at cell row 1 and column 1, so the cells are 0_1 and 1_0 in it
    in_row, in_column = (features.filter(regex="^block1_1_").loc[i] for i in (0, 1))
    assert in_row.idxmax() == "block1_1_cell0_1_0deg"
    assert in_column.idxmax() == "block1_1_cell1_0_90deg"


def test_set_output(digits):
    table = digits[0][:5].reshape(5, -1)
    frame = HOGTransformer().set_output(transform="pandas").fit_transform(table)
    assert frame.columns[0] == "block0_0_cell0_0_0deg"
    assert frame.shape == (5, 288)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_n_jobs(digits, monkeypatch, backend, tmp_path):
    """Workers return the same features in the same order, also from a memory map."""
    monkeypatch.setattr(batches, "_PARALLEL_SECONDS", 0)
    monkeypatch.setattr(batches, "_BATCH_IMAGES", 50)
    X = digits[0]
    np.save(tmp_path / "X.npy", X)
    with joblib.parallel_config(backend):
        features = HOGTransformer(n_jobs=2).transform(np.load(tmp_path / "X.npy", mmap_mode="r"))
    assert_array_equal(features, HOGTransformer().transform(X))


def test_short_work_starts_no_workers(digits, monkeypatch):
    monkeypatch.setattr(batches, "_PARALLEL_SECONDS", 1e6)
    monkeypatch.setattr(batches, "Parallel", None)  # calling it would raise
    assert HOGTransformer(n_jobs=2).transform(digits[0]).shape == (1797, 288)


def test_large_images_in_small_batches(monkeypatch):
    """The number of pixels in a batch is limited, not only the number of images."""
    sizes = []
    monkeypatch.setattr(
        hog_features.HOGSettings,
        "compute",
        lambda settings, images: sizes.append(images.size) or np.zeros((len(images), 1800)),
    )
    HOGTransformer().transform(np.zeros((20, 400, 400), dtype=np.uint8))
    assert max(sizes) <= 2**20
    assert sum(sizes[1:]) == 20 * 400 * 400


def test_verbose(digits, capsys, monkeypatch):
    monkeypatch.setattr(batches, "_BATCH_IMAGES", 10)
    HOGTransformer().transform(digits[0][:95])
    assert capsys.readouterr().out == ""
    HOGTransformer(verbose=2).transform(digits[0][:95])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("[HOGTransformer] 10 of 95 images, ")
    assert lines[-1].startswith("[HOGTransformer] 95 of 95 images, ")
    assert lines[-1].endswith("about 0.0 s left")
    monkeypatch.setattr(batches, "_BATCH_IMAGES", 1)
    HOGTransformer(verbose=1).transform(digits[0][:95])
    lines = capsys.readouterr().out.splitlines()
    assert 8 <= len(lines) <= 11
    assert lines[-1].startswith("[HOGTransformer] 95 of 95 images, ")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"orientations": 0}, "'orientations' parameter of HOGTransformer must be an int"),
        ({"pixels_per_cell": 0}, "'pixels_per_cell' parameter"),
        ({"pixels_per_cell": "large"}, "'pixels_per_cell' parameter"),
        ({"pixels_per_cell": (2, 0)}, r"pixels_per_cell is \(2, 0\); expected a positive int"),
        ({"cells_per_block": (1, 2, 3)}, r"cells_per_block is \(1, 2, 3\); expected"),
        ({"cells_per_block": 1.5}, "'cells_per_block' parameter"),
        ({"block_norm": "L3"}, "'block_norm' parameter"),
        ({"transform_sqrt": "yes"}, "'transform_sqrt' parameter"),
        ({"n_jobs": 1.5}, "'n_jobs' parameter"),
        ({"verbose": -1}, "'verbose' parameter"),
        ({"image_shape": (7, 9)}, r"image_shape=\(7, 9\) does not fit"),
        (
            {"pixels_per_cell": 4, "cells_per_block": 3},
            "Images of 8 x 8 pixels .* need at least 12 x 12 pixels",
        ),
        ({"pixels_per_cell": 9}, "Images of 8 x 8 pixels .* need at least 9 x 9 pixels"),
    ],
)
def test_bad_parameters(digits, params, message):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=message):
            getattr(HOGTransformer(**params), method)(digits[0][:5])


def test_bad_pixels():
    negative = np.linspace(-1, 1, 64).reshape(1, 8, 8)
    with pytest.raises(
        ValueError, match=r"Negative values in data .* smallest pixel is -1\.0; expected 0"
    ):
        HOGTransformer(transform_sqrt=True).transform(negative)
    with pytest.raises(ValueError, match="NaN"):
        HOGTransformer().transform(np.full((1, 8, 8), np.nan))
    with pytest.raises(ValueError, match=r"images of shape \(9, 9, 1\).*expecting.*\(8, 8, 1\)"):
        HOGTransformer().fit(negative).transform(np.zeros((1, 9, 9)))


def test_pixels_whose_squares_overflow():
    X = np.random.default_rng(0).random((3, 8, 8))
    for dtype in (np.float32, np.float64):
        HOGTransformer().fit_transform((1e30 * X).astype(dtype))  # without a warning
    for method in ("fit", "transform"):
        with pytest.raises(
            ValueError, match=r"X has pixels as large as .*e\+199; expected at most"
        ):
            getattr(HOGTransformer(), method)(-1e200 * X)


def test_import_does_not_import_skimage():
    code = "import sys, skcnn.hog; print([m for m in sys.modules if m.split('.')[0] == 'skimage'])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_make_hog_svc_routes_parameters(tmp_path):
    memory = joblib.Memory(tmp_path, verbose=0)
    pipeline = make_hog_svc(orientations=6, n_jobs=2, verbose=1, C=3, kernel="poly", memory=memory)
    assert list(pipeline.named_steps) == ["hog", "svc"]
    assert pipeline.memory is memory
    assert (
        pipeline["hog"].get_params()
        == HOGTransformer(orientations=6, n_jobs=2, verbose=1).get_params()
    )
    svc = pipeline["svc"].get_params()
    assert (svc["C"], svc["kernel"], svc["verbose"]) == (3, "poly", False)
    with pytest.raises(TypeError, match=r"unknown .*: Gamma, cells; .*pixels_per_cell.*gamma"):
        make_hog_svc(cells=4, Gamma=2, C=1)


def test_make_hog_svc_on_digits(digits):
    """Stratified 5-fold accuracy, measured as 0.978 to 0.983 for several shuffles."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    assert cross_val_score(make_hog_svc(), *digits, cv=folds).mean() > 0.975


def test_grid_search_with_memory(digits, tmp_path):
    """HOG is computed once per fold and HOG setting, whatever the grid of the SVC."""
    X, y = digits[0][:400], digits[1][:400]
    search = GridSearchCV(
        make_hog_svc(memory=str(tmp_path)),
        {"hog__orientations": [4, 8], "svc__C": [1, 10, 100]},
        cv=2,
    ).fit(X, y)
    assert search.best_score_ > 0.85
    cached = list(tmp_path.rglob("output.pkl"))
    assert len(cached) == 2 * 2 + 1  # folds x orientations, and the refit


@pytest.mark.slow
def test_make_hog_svc_on_mnist(mnist):
    """6,000 training images: test error measured as 1.90 % (scikit-learn 1.9)."""
    X_train, y_train, X_test, y_test = mnist
    pipeline = make_hog_svc(n_jobs=2).fit(X_train[:6000], y_train[:6000])
    assert 1 - pipeline.score(X_test, y_test) <= 0.020
