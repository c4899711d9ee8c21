"""Validation images that have not been scaled like X."""

import warnings

import numpy as np
import pytest
from helpers.quick import fast, peak_of
from sklearn import config_context
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skcnn._input.pixel_range import SAMPLE_IMAGES, _sample, warn_if_other_range


def photos():
    """400 dark and bright smooth images (n, 16, 16, 3) in 0..255, uint8; some have no contrast."""
    rng = np.random.default_rng(0)
    level, slope = rng.uniform(0, 255, (400, 1, 1, 3)), rng.normal(0, 4, (400, 1, 1, 3))
    slope[:8] = 0
    row, column = np.mgrid[-8:8, -8:8, :1][:2]
    images = level + slope * (row + column) + rng.normal(0, 3, (400, 16, 16, 3)) * (slope != 0)
    return np.clip(images, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=["digits", "photos"])
def pixels(request, digits):
    """Images in 0..255, floats, in random order."""
    images = digits[0][:400, ..., None] / 16 * 255 if request.param == "digits" else photos()
    return images[np.random.default_rng(0).permutation(400)].astype(float)


SCALINGS = {
    "0..255": lambda pixels: pixels,
    "0..1": lambda pixels: pixels / 255,
    "0..16": lambda pixels: pixels / 16,
    "-1..1": lambda pixels: pixels / 127.5 - 1,
    "standardized": lambda pixels: (pixels - pixels.mean()) / pixels.std(),
    "each pixel standardized": lambda pixels: (
        StandardScaler().fit_transform(pixels.reshape(400, -1)).reshape(pixels.shape)
    ),
    "2000..2255": lambda pixels: pixels + 2000,
}
CENTRED = ["-1..1", "standardized", "each pixel standardized"]  # hardly differ


@pytest.mark.parametrize("of_X", SCALINGS)
@pytest.mark.parametrize("of_X_val", SCALINGS)
@pytest.mark.parametrize("n_val", [20, 200])
def test_warning_about_another_scaling(pixels, of_X, of_X_val, n_val):
    X, X_val = SCALINGS[of_X](pixels)[:200], SCALINGS[of_X_val](pixels)[200 : 200 + n_val]
    if of_X == of_X_val:
        warn_if_other_range(X, X_val)
    elif of_X not in CENTRED or of_X_val not in CENTRED:
        with pytest.warns(UserWarning, match="expected images that are scaled like X"):
            warn_if_other_range(X, X_val)


@pytest.mark.parametrize("n_val", [1, 3, 10, 100])
@pytest.mark.parametrize("scaling", ["0..255", "standardized"])
def test_no_warning_about_fewer_darker_or_brighter_images(pixels, scaling, n_val):
    """Of 20 sets of validation images, at most one is so unlike X that there is a warning."""
    rng = np.random.default_rng(0)
    for change in (lambda x: x, lambda x: 0.5 * x, lambda x: np.minimum(1.5 * x, 255)):
        n_warnings = 0
        for _ in range(20):
            changed = pixels.copy()
            changed[200:] = change(pixels[200:])
            scaled = SCALINGS[scaling](changed)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                warn_if_other_range(scaled[:200], scaled[rng.integers(200, 400, n_val)])
            n_warnings += len(caught)
        assert n_warnings <= 1


def test_the_number_of_validation_images_counts():
    """A single image of low contrast is no sign of another scaling; a hundred are one."""
    rng = np.random.default_rng(0)
    contrast = np.exp(rng.uniform(0, 4, (300, 1, 1, 1)))
    images = 100 + contrast * rng.standard_normal((300, 8, 8, 1))
    X, faint = images[:200], 100 + (images[200:] - 100) / 16
    warn_if_other_range(X, faint[np.argsort(contrast[200:].ravel())][-30:-29])
    with pytest.warns(UserWarning, match="X_val has pixels"):
        warn_if_other_range(X, faint)


@pytest.mark.parametrize(("n", "n_val"), [(300, 50), (30, 10)])
def test_no_warning_if_many_images_are_blank(digits, n, n_val):
    """Then the median image is blank in only one of X and X_val, by chance."""
    rng = np.random.default_rng(0)
    blank = rng.random((len(digits[0]), 1, 1)) < 0.5
    images = np.where(blank, 0, digits[0])[..., None]
    for _ in range(50):
        chosen = rng.permutation(len(images))
        warn_if_other_range(images[chosen[:n]], images[chosen[n : n + n_val]])
    with pytest.warns(UserWarning, match="X_val has pixels"):
        warn_if_other_range(digits[0][:, :, :, None] / 16, images[: 2 * n_val])


def test_one_channel_of_another_range(digits):
    """It does not show in the range of all channels."""
    A = digits[0].astype(float)
    X, X_val = (np.stack([a / 16, a * 10, a * 0 + 255], axis=-1) for a in (A[:300], A[300:500]))
    warn_if_other_range(X, X_val)
    for factor, channel in ((16, 0), (1 / 160, 1), (1 / 255, 2)):
        changed = X_val.copy()
        changed[..., channel] *= factor
        with pytest.warns(UserWarning, match=rf"in channel {channel} \(counted from 0\)"):
            warn_if_other_range(X, changed)
        with pytest.warns(UserWarning, match="X_val has pixels"):
            warn_if_other_range(X, changed[:10])
    centred = X - [0.5, 80, 0]
    with pytest.warns(UserWarning, match=r"0 to 1 .* in channel 0 .*X has pixels from -0.5 to 0.5"):
        warn_if_other_range(centred, X_val - [0, 80, 0])
    X_val[..., 0] *= 16
    with pytest.warns(UserWarning, match="from 0 to 16 .* in channel 0"):
        fast(max_iter=1).fit(X, digits[1][:300], X_val=X_val, y_val=digits[1][300:500])


def test_one_channel_is_centred_beside_another_one_that_was_centred_before():
    rng = np.random.default_rng(0)
    X, X_val = rng.random((20, 6, 6, 2)) - [0, 0.5], rng.random((20, 6, 6, 2)) - 0.5
    with pytest.warns(UserWarning, match=r"in channel 0 \(counted from 0\)"):
        warn_if_other_range(X, X_val)


@pytest.mark.parametrize("active", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("n_val", [1, 3, 10, 100])
def test_no_warning_about_one_of_many_channels_by_chance(active, n_val):
    """Many channels are constant or blank in most images, like features or masks."""
    rng = np.random.default_rng(0)
    images = rng.gamma(1, size=(1000, 6, 6, 64)) * (rng.random((1000, 1, 1, 64)) < active)
    images[..., :8] = np.linspace(0, 0.3, 8)
    for _ in range(20):
        chosen = rng.permutation(len(images))
        warn_if_other_range(images[chosen[:500]], images[chosen[500 : 500 + n_val]])


def test_rounding_of_a_constant_channel_is_no_other_range():
    images = np.random.default_rng(0).random((50, 9, 9, 2))
    validation = images[:20].copy()
    images[..., 1], validation[..., 1] = 0.3, 0.1 + 0.2
    warn_if_other_range(images, validation)
    warn_if_other_range(images.astype(np.float32), validation)


@pytest.mark.parametrize("n", [1, 3, 3 * SAMPLE_IMAGES])
def test_the_sample_reaches_from_the_first_to_the_last_image(n):
    sample = _sample(np.arange(n).reshape(n, 1, 1, 1))
    assert len(sample) == min(n, SAMPLE_IMAGES)
    assert (sample[0], sample[-1]) == (0, n - 1)


@pytest.mark.parametrize(("n_zeros", "warns"), [(0, True), (1, False)])
def test_a_fifth_of_negative_pixels_are_many(n_zeros, warns):
    X = np.tile([-0.5, 0.5, 1.0, 1.5, 2.0], 4).reshape(4, 5, 1, 1)
    X[:n_zeros, 0] = 0
    X_val = np.tile([0.1, 0.5, 1.0, 1.5, 2.0], 3).reshape(3, 5, 1, 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_other_range(X, X_val)
    assert bool(caught) == warns


def test_a_single_training_image_with_channels():
    image = np.random.default_rng(0).random((1, 6, 6, 3))
    warn_if_other_range(image, np.repeat(image, 20, axis=0))


def test_images_of_any_size(digits):
    """Large images are sampled; a blank image and a single pixel are images, too."""
    large = np.kron(digits[0][:3, ..., None], np.ones((1, 100, 90, 1)))
    warn_if_other_range(large, large[1:])
    with pytest.warns(UserWarning, match=r"0 to 1 .* 0 to 16 "):
        warn_if_other_range(large, large[1:] / 16)
    blank = np.zeros((2, 3, 3, 1))
    warn_if_other_range(blank, blank)
    warn_if_other_range(np.eye(4).reshape(-1, 1, 1, 1), np.ones((1, 1, 1, 1)))
    for n_channels in 50, 10_000:
        channels = np.broadcast_to(np.float32(1), (300, 10, 10, n_channels))
        assert peak_of(lambda images=channels: warn_if_other_range(images, images[:9])) < 1e8


def test_the_warning_is_in_the_line_of_fit_and_before_training(digits):
    X, y = digits
    model = fast()
    with pytest.warns(UserWarning, match="transform_input=") as caught:
        model.fit(X[:200] / 16, y[:200], X_val=X[200:300], y_val=y[200:300])
    assert [warning.filename for warning in caught] == [__file__]
    assert "X_val has pixels from 0 to 16 (mean 4.9" in str(caught[0].message)
    assert "X has pixels from 0 to 1 (mean 0.3" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fresh = fast()
        with pytest.raises(UserWarning, match="X_val has pixels"):
            fresh.fit(X[:200] / 16, y[:200], X_val=X[200:300], y_val=y[200:300])
    assert not hasattr(fresh, "network_")


def test_validation_images_that_are_too_large(digits):
    X, y = digits[0][:200].astype(float), digits[1][:200]
    X_val = np.where(np.arange(200)[:, None, None] == 123, 1e40, X)
    with pytest.raises(ValueError, match=r"X_val has pixels as large as 1e\+40"):
        fast().fit(X, y, X_val=X_val, y_val=y)


def test_a_pipeline_scales_the_validation_images(digits):
    """With `transform_input`; without it, there is a warning."""
    X, y = digits[0].reshape(-1, 64)[:400].astype(float), digits[1][:400]
    given = {"X_val": X[300:], "y_val": y[300:]}
    with config_context(enable_metadata_routing=True):
        steps = [
            ("scaler", StandardScaler()),
            ("cnn", fast(standardize=False).set_fit_request(X_val=True, y_val=True)),
        ]
        pipeline = Pipeline(steps, transform_input=["X_val"]).fit(X[:300], y[:300], **given)
        scaler, cnn = pipeline[0], pipeline[-1]
        assert cnn.validation_scores_[-1] == cnn.score(scaler.transform(X[300:]), y[300:])
        with pytest.warns(UserWarning, match="X_val has pixels from 0 to 16"):
            Pipeline(steps).fit(X[:300], y[:300], **given)
