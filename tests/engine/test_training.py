"""Training steps: optimizers, L2 penalty, mini-batches, random streams, threads, memory."""

import numpy as np
import pytest
from helpers.engine import make_trainer, with_method
from helpers.quick import peak_of
from numpy.testing import assert_allclose, assert_array_equal

from skcnn._fitting.architecture import build_layers
from skcnn.engine.inference import predict
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training import trainer as trainer_module
from skcnn.engine.training.optimizers import SGD, Adam

SMALL = {
    "n_filters": 3,
    "filter_size": 3,
    "padding": "same",
    "pool_size": 2,
    "pool_regions": None,
    "pooling": "max",
    "hidden_layer_sizes": (8,),
    "activation": "tanh",
    "dropout": 0.0,
}


class Setting:
    """A network with random images, and trainers for it with different settings."""

    def __init__(
        self, n_images=100, shape=(6, 6, 1), n_classes=3, dtype=np.float64, method="auto", **changes
    ):
        rng = np.random.default_rng(0)
        layers = build_layers(shape, n_classes, **(SMALL | changes))
        layers = [with_method(layer, method) for layer in layers]
        self.network = Network(layers, shape, dtype)
        self.network.initialize(rng)
        self.start = self.network.parameters.copy()
        self.images = rng.standard_normal((n_images, *shape)).astype(dtype)
        self.labels = rng.integers(n_classes, size=n_images)

    def trainer(self, threads, optimizer=None, **changes):
        return make_trainer(
            self.network, self.images, self.labels, threads, optimizer=optimizer, **changes
        )

    def gradient(self, trainer, indices, at):
        """The gradient, from a step of gradient descent with a rate of 1."""
        self.network.parameters[:] = at
        trainer.step(indices, step=1, rate=1.0, momentum=0.0)
        return at - self.network.parameters


def batches(n_images, n_steps):
    rng = np.random.default_rng(1)
    return [rng.permutation(n_images)[:40] for _ in range(n_steps)]


# --- optimizers, compared with their definitions --------------------------------------------------


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum(threads, momentum):
    """Polyak's momentum: v = momentum * v - rate * gradient; parameters = parameters + v."""
    setting = Setting(hidden_layer_sizes=(200,))  # several blocks of parameters
    plain, trainer = setting.trainer(threads), setting.trainer(threads, SGD())
    parameters, v = setting.start.copy(), np.zeros_like(setting.start)
    actual = setting.start.copy()
    for number, batch in enumerate(batches(100, 6)):
        rate = 0.1 / (1 + number)
        v = momentum * v - rate * setting.gradient(plain, batch, parameters)
        parameters = parameters + v
        setting.network.parameters[:] = actual
        trainer.step(batch, step=number + 1, rate=rate, momentum=momentum)
        actual = setting.network.parameters.copy()
    assert_allclose(actual, parameters, rtol=1e-10, atol=1e-12)
    assert np.abs(actual - setting.start).max() > 1e-3


def test_momentum_may_change(threads):
    """As in the paper: first 0.5, then 0.9."""
    setting = Setting()
    plain, trainer = setting.trainer(threads), setting.trainer(threads, SGD())
    parameters, v = setting.start.copy(), 0.0
    actual = setting.start.copy()
    for number, batch in enumerate(batches(100, 6)):
        momentum = 0.5 if number < 3 else 0.9
        v = momentum * v - 0.1 * setting.gradient(plain, batch, parameters)
        parameters = parameters + v
        setting.network.parameters[:] = actual
        trainer.step(batch, step=number + 1, rate=0.1, momentum=momentum)
        actual = setting.network.parameters.copy()
    assert_allclose(actual, parameters, rtol=1e-10, atol=1e-12)


def test_nesterov(threads):
    """Sutskever et al. (2013) take the gradient at parameters + momentum * v.

    The engine stores this point in place of the parameters.
    """
    setting = Setting()
    plain, trainer = setting.trainer(threads), setting.trainer(threads, SGD(nesterov=True))
    parameters, v = setting.start.copy(), np.zeros_like(setting.start)
    actual = setting.start.copy()
    for number, batch in enumerate(batches(100, 6)):
        v = 0.9 * v - 0.1 * setting.gradient(plain, batch, parameters + 0.9 * v)
        parameters = parameters + v
        setting.network.parameters[:] = actual
        trainer.step(batch, step=number + 1, rate=0.1, momentum=0.9)
        actual = setting.network.parameters.copy()
        assert_allclose(actual, parameters + 0.9 * v, rtol=1e-10, atol=1e-12)


def test_adam(threads):
    """Kingma & Ba (2015), Algorithm 1, line by line."""
    setting = Setting(hidden_layer_sizes=(200,))
    plain, trainer = setting.trainer(threads), setting.trainer(threads, Adam())
    parameters = setting.start.copy()
    m = v = np.zeros_like(parameters)
    actual = parameters.copy()
    for number, batch in enumerate(batches(100, 6)):
        t, alpha = number + 1, 0.01 / (1 + number)
        g = setting.gradient(plain, batch, parameters)
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        parameters = parameters - alpha * m_hat / (np.sqrt(v_hat) + 1e-8)
        setting.network.parameters[:] = actual
        trainer.step(batch, step=t, rate=alpha, momentum=0.0)
        actual = setting.network.parameters.copy()
    assert_allclose(actual, parameters, rtol=1e-8, atol=1e-10)


def test_l2_is_divided_by_the_batch_size_and_excludes_biases(threads):
    setting = Setting()
    at = np.random.default_rng(0).standard_normal(len(setting.start))
    everything = np.arange(100)
    for weights in (None, np.random.default_rng(1).uniform(0.5, 2, 100)):
        without = setting.gradient(setting.trainer(threads, weights=weights), everything, at)
        penalized = setting.trainer(threads, weights=weights, l2=3.0)
        difference = setting.network.views(setting.gradient(penalized, everything, at) - without)
        for found, p in zip(difference, setting.network.views(at), strict=True):
            for name, values in vars(p).items():
                strength = 0.0 if name == "bias" else 3.0 / 100
                assert_allclose(getattr(found, name), strength * values, rtol=1e-8, atol=1e-12)


# --- mini-batches of any size ---------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_of_a_large_mini_batch(threads, weighted):
    """It has more images than the trainer processes at once: the mean over parts of 300."""
    setting = Setting(n_images=2500)
    weights = np.random.default_rng(1).uniform(0.5, 2, 2500) if weighted else None
    trainer = setting.trainer(threads, weights=weights)
    order = np.random.default_rng(2).permutation(2500)
    whole = setting.gradient(trainer, order, setting.start)
    parts, sizes = [], []
    for start in range(0, 2500, 300):
        part = order[start : start + 300]
        parts.append(setting.gradient(trainer, part, setting.start))
        sizes.append(len(part))
    assert_allclose(whole, np.average(parts, axis=0, weights=sizes), rtol=1e-9, atol=1e-12)


def test_gradients_that_take_much_memory_are_added_in_parts(threads, monkeypatch):
    """Of a few tiles each, however large the mini-batch is."""
    setting = Setting(n_images=900)
    whole = setting.gradient(setting.trainer(threads), np.arange(900), setting.start)
    monkeypatch.setattr(trainer_module, "GRADIENT_BYTES", 1)
    monkeypatch.setattr(trainer_module, "FEWEST_TILES_AT_ONCE", 3)
    trainer = setting.trainer(threads)
    assert len(trainer.tile_gradients) == 3
    assert_allclose(setting.gradient(trainer, np.arange(900), setting.start), whole, atol=1e-12)


def test_a_mini_batch_of_more_than_batch_size_images_is_an_error(threads):
    setting = Setting()
    trainer = setting.trainer(threads, batch_size=40)
    with pytest.raises(ValueError, match="mini-batch has 41 images; expected at most 40"):
        trainer.step(np.arange(41), step=1, rate=1.0, momentum=0.0)
    assert_array_equal(setting.network.parameters, setting.start)
    trainer.step(np.arange(40), step=1, rate=1.0, momentum=0.0)
    assert not np.array_equal(setting.network.parameters, setting.start)


@pytest.mark.parametrize("n_images", [256, 1024])
def test_dropout_does_not_repeat_masks(threads, n_images):
    """With the same masks in both halves, equal images would have the same mean gradient."""
    setting = Setting(n_images=2 * n_images, hidden_layer_sizes=(), dropout=0.5)
    setting.images[:] = setting.images[0]
    setting.labels[:] = 0
    trainer = setting.trainer(threads)
    first = setting.gradient(trainer, np.arange(n_images), setting.start)
    both = setting.gradient(trainer, np.arange(2 * n_images), setting.start)
    assert np.abs(both - first).max() > 1e-6 * np.abs(first).max()


def test_sample_weights_of_zero(threads):
    """Such images only count in the batch size; if all weights are zero, nothing changes."""
    setting = Setting()
    weights = np.ones(100)
    weights[::2] = 0
    trainer = setting.trainer(threads, weights=weights)
    odd = setting.gradient(setting.trainer(threads), np.arange(1, 100, 2), setting.start)
    everything = setting.gradient(trainer, np.arange(100), setting.start)
    assert_allclose(everything, odd / 2, rtol=1e-9, atol=1e-13)
    setting.network.parameters[:] = setting.start
    assert trainer.step(np.arange(0, 100, 2), step=1, rate=1.0, momentum=0.0) == 0
    assert_array_equal(setting.network.parameters, setting.start)


# --- threads --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["gemm", "winograd", "winograd4", "winograd4x4"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("optimizer", [SGD(), SGD(nesterov=True), Adam()])
def test_identical_weights_for_any_number_of_threads(optimizer, dropout, method):
    """Bit for bit, also with partial tiles and with mini-batches in several parts."""
    found = []
    for n_threads in (1, 2, 3, 7):
        setting = Setting(
            n_images=1200,
            shape=(9, 7, 2),
            dtype=np.float32,
            n_filters=(6, 5),
            hidden_layer_sizes=(300,),
            dropout=dropout,
            method=method,
        )
        setting.network.parameters[:] = setting.start
        losses = []
        with single_threaded_blas(), Threads(n_threads) as threads:
            trainer = setting.trainer(threads, optimizer, l2=0.1)
            for step in range(1, 9):
                batch = np.random.default_rng(step).permutation(1200)[: 250 if step % 4 else 1200]
                losses.append(trainer.step(batch, step=step, rate=0.01, momentum=0.9))
        found.append((losses, setting.network.parameters.copy()))
    for losses, parameters in found[1:]:
        assert losses == found[0][0]
        assert_array_equal(parameters, found[0][1])
    assert np.isfinite(parameters).all()


def test_random_streams_depend_on_seed_and_step(threads):
    setting = Setting(dropout=0.5)
    everything = np.arange(100)

    def loss(seed, step):
        trainer = setting.trainer(threads, seed=seed)
        setting.network.parameters[:] = setting.start
        return trainer.step(everything, step=step, rate=0.0, momentum=0.0)

    assert loss(0, 1) == loss(0, 1)
    assert len({loss(0, 1), loss(0, 2), loss(1, 1), loss(1, 2)}) == 4


def test_augment_receives_each_tile_with_its_own_random_stream(threads):
    setting = Setting(n_images=500)
    drawn, seen = [], []

    def augment(images, rng):
        assert images.shape[1:] == (6, 6, 1)
        seen.extend(images[:, 0, 0, 0].tolist())
        drawn.append(rng.random())
        return np.zeros_like(images)

    trainer, plain = setting.trainer(threads, augment=augment), setting.trainer(threads)
    augmented = setting.gradient(trainer, np.arange(500), setting.start)
    assert sorted(seen) == sorted(setting.images[:, 0, 0, 0].tolist())
    assert len(set(drawn)) == len(drawn) > 1
    assert setting.images.all()
    setting.images[:] = 0
    blank = setting.gradient(plain, np.arange(500), setting.start)
    assert_allclose(blank, augmented, rtol=1e-10, atol=1e-12)


# --- memory ---------------------------------------------------------------------------------------


@pytest.fixture
def small_ufunc_buffers():
    """Shrink NumPy's buffers for casts, so that they do not hide an allocation."""
    before = np.setbufsize(16)
    yield
    np.setbufsize(before)


@pytest.mark.usefixtures("small_ufunc_buffers")
@pytest.mark.parametrize("optimizer", [SGD(nesterov=True), Adam()])
@pytest.mark.parametrize(
    # the size of these buffers is set for the current thread only
    ("n_threads", "limit"),
    [(1, 16_000), (2, 400_000)],
)
def test_nothing_is_allocated_in_the_loop(n_threads, limit, optimizer):
    """For scale: a tile's activations take megabytes, the parameters 0.4 MB, a batch 0.2 MB."""
    # full tiles only with several threads: one of them may get its first partial tile late
    n_images = 500 if n_threads == 1 else 512
    setting = Setting(
        n_images=n_images,
        shape=(28, 28, 1),
        dtype=np.float32,
        n_filters=(16, 16),
        hidden_layer_sizes=(128,),
        activation="relu",
        dropout=0.2,
    )
    weights = np.random.default_rng(0).uniform(0.5, 2, n_images)
    order = np.random.default_rng(0).permutation(n_images)
    with single_threaded_blas(), Threads(n_threads) as threads:
        trainer = setting.trainer(threads, optimizer, weights=weights, l2=0.1, batch_size=64)

        def epoch(number):
            for start in range(0, n_images, 64):
                batch = order[start : start + 64]
                trainer.step(batch, step=8 * number + 1, rate=1e-3, momentum=0.9)

        for number in range(3):  # until each thread has processed tiles of each size
            epoch(number)
        assert peak_of(lambda: [epoch(number) for number in range(3, 9)]) < limit


def test_memory_of_prediction_does_not_depend_on_the_number_of_images():
    setting = Setting(n_images=1, shape=(10, 10, 1), dtype=np.float32)
    peaks = []
    for n_images in (100, 12_288, 49_152):  # the first run also imports modules; tiles of 256
        images = np.random.default_rng(0).integers(0, 256, (n_images, 10, 10, 1), dtype=np.uint8)
        seen = np.zeros(n_images, np.intp)

        def write(rows, workspace, seen=seen):
            seen[rows] += 1

        with Threads(2) as threads:
            reader = ImageReader(images)
            peaks.append(peak_of(lambda: predict(setting.network, reader, threads, write)))  # noqa: B023
        assert (seen == 1).all()
    # two tiles; the last set of images is 3.6 MB larger than the one before
    assert max(peaks[1:]) < 2_500_000
    assert abs(peaks[2] - peaks[1]) < 100_000
