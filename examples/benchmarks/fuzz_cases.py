"""Random cases for `fuzz.py`: estimators, parameters, images, labels and weights, many of them odd.

A case is determined by its number alone. `faults` names what is invalid in it: then an error is
expected.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skcnn import (
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
)

KINDS = {
    "classifier": (ConvNetClassifier, 0.55),
    "multilabel": (ConvNetClassifier, 0.07),
    "regressor": (ConvNetRegressor, 0.15),
    "autoencoder": (ConvAutoencoder, 0.08),
    "patches": (PatchFeatures, 0.06),
    "hog": (HOGTransformer, 0.05),
    "daisy": (DaisyTransformer, 0.04),
}
NETWORKS = ("classifier", "multilabel", "regressor", "autoencoder")
DTYPES = ("?", "u1", "i1", "<i2", ">i2", "i4", "u8", "f2", "f4", ">f4", "f8", ">f8", "g", "O")
LAYOUTS = ("C", "F", "steps", "reversed", "read-only", "memory map", "list", "rows", "broadcast")
FAULTS = ("nan", "infinity", "complex", "text", "too many axes", "no images", "ragged")


@dataclass
class Case:
    """An unfitted estimator and what to fit it with; `faults` is what is invalid."""

    number: int
    kind: str
    estimator: Any
    X: Any
    y: Any
    weights: Any = None
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> dict[str, Any]:
        """What `fit` receives besides X."""
        given = {} if self.y is None else {"y": self.y}
        return given if self.weights is None else {**given, "sample_weight": self.weights}

    def __str__(self) -> str:
        odd = ", ".join([*self.notes, *self.faults])
        return f"case {self.number}: {self.estimator!r} on {odd}"


def draw(number: int) -> Case:
    """The case of this number."""
    rng = np.random.default_rng(number)
    kind = rng.choice(list(KINDS), p=[share for _, share in KINDS.values()])
    faults: list[str] = []
    notes: list[str] = []
    images = _images(rng, notes)
    estimator = KINDS[kind][0](**_params(rng, kind, faults))
    y = _targets(rng, kind, len(images), faults, notes)
    weights = None
    if kind in NETWORKS and rng.random() < 0.3:
        weights = _weights(rng, len(images), faults, notes)
    X = _laid_out(rng, images, faults, notes)
    return Case(number, kind, estimator, X, y, weights, faults, notes)


def _images(rng: np.random.Generator, notes: list[str]) -> np.ndarray:
    n = int(rng.choice([1, 2, 3, 8, 17, 33, 64, 70], p=[0.05, 0.05, 0.1, *[0.16] * 5]))
    height, width = (int(side) for side in rng.integers(1, 13, size=2))
    channels = rng.choice([0, 1, 2, 3, 4], p=[0.6, 0.1, 0.1, 0.15, 0.05])
    shape = (n, height, width, *([int(channels)] if channels else []))
    values = str(rng.choice(["noise", "integers", "constant", "equal images", "outlier", "binary"]))
    images = {
        "noise": lambda: rng.normal(size=shape),
        "integers": lambda: rng.integers(0, 256, size=shape).astype(float),
        "constant": lambda: np.full(shape, 7.0),
        "equal images": lambda: np.broadcast_to(rng.normal(size=shape[1:]), shape).copy(),
        "outlier": lambda: np.where(rng.random(shape) < 0.01, 1e6, rng.normal(size=shape)),
        "binary": lambda: (rng.random(shape) < 0.5).astype(float),
    }[values]()
    notes.append(f"{values} of shape {shape}")
    if rng.random() < 0.25:
        exponent = int(rng.integers(-30, 31))
        images = images * 10.0**exponent
        notes.append(f"times 1e{exponent}")
    return images


def _laid_out(
    rng: np.random.Generator, images: np.ndarray, faults: list[str], notes: list[str]
) -> Any:
    """The images in some dtype and memory layout, and perhaps with a fault."""
    dtype = np.dtype(str(rng.choice(DTYPES)))
    if dtype.kind in "biuf":
        largest = np.inf if dtype.kind == "f" else 2.0 if dtype.kind == "b" else 100.0
        largest = np.finfo(dtype).max if dtype.kind == "f" else largest
        smallest = 0.0 if dtype.kind in "bu" else -largest
        images = np.clip(images, smallest, largest)
    array = images.astype(dtype)
    layout = str(rng.choice(LAYOUTS))
    notes.append(f"{dtype.str} as {layout}")
    X: Any = _in_layout(array, layout)
    if rng.random() < 0.08:
        fault = str(rng.choice(FAULTS if len(array) > 1 else FAULTS[:-1]))
        faults.append(f"X: {fault}")
        X = _spoiled(array, fault)
    return X


def _in_layout(array: np.ndarray, layout: str) -> Any:
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "steps":
        wide = np.repeat(array, 2, axis=2)
        return wide[:, :, ::2]
    if layout == "reversed":
        return array[::-1, ::-1][::-1, ::-1]
    if layout == "read-only":
        array.flags.writeable = False
    if layout == "list":
        return list(array)
    if layout == "rows":
        return array.reshape(len(array), -1)
    if layout == "broadcast":
        return np.broadcast_to(array[:1], array.shape)
    if layout == "memory map" and array.dtype != object:
        with tempfile.NamedTemporaryFile() as file:
            mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
        mapped[:] = array
        return mapped
    return array


def _spoiled(array: np.ndarray, fault: str) -> Any:
    if fault in ("nan", "infinity"):
        spoiled = array.astype(float)
        spoiled.flat[spoiled.size // 2] = np.nan if fault == "nan" else np.inf
        return spoiled
    if fault == "complex":
        return array.astype(float).astype(complex)
    if fault == "text":
        return array.astype(float).astype(str)
    if fault == "ragged":
        return [image[: 1 + i % 2] for i, image in enumerate(np.repeat(array, 2, axis=1))]
    if fault == "too many axes":
        return array[..., None, None, None]
    return array[:0]


def _labels(rng: np.random.Generator, n: int, faults: list[str], notes: list[str]) -> Any:
    n_classes = int(rng.choice([1, 2, 3, 10, 200], p=[0.03, 0.3, 0.3, 0.3, 0.07]))
    codes = rng.integers(0, n_classes, size=n)
    kind = str(
        rng.choice(
            ["int", "negative", "text", "bool", "float", "object", "column", "bytes", "list"]
        )
    )
    notes.append(f"{kind} labels of up to {n_classes} classes")
    fractions = rng.random() < 0.02
    if fractions:
        faults.append("labels: fractions")
        return codes + 0.5
    if rng.random() < 0.02:
        faults.append("labels: one too many")
        codes = np.append(codes, 0)
    if kind == "bool":
        codes = codes % 2
    labels = {
        "int": codes,
        "negative": codes - 5,
        "text": np.array([f"class {code}" for code in codes]),
        "bool": codes.astype(bool),
        "float": codes.astype(float),
        "object": np.array([f"Klasse {code} é" for code in codes], dtype=object),
        "column": codes[:, None],
        "bytes": codes.astype("S"),
        "list": [str(code) for code in codes],
    }[kind]
    if kind == "bytes":
        faults.append("labels: bytes, which scikit-learn refuses")
    if len(np.unique(codes)) < 2:
        faults.append("labels: a single class")
    return labels


def _targets(
    rng: np.random.Generator, kind: str, n: int, faults: list[str], notes: list[str]
) -> Any:
    if kind == "classifier":
        return _labels(rng, n, faults, notes)
    if kind == "multilabel":
        notes.append("an indicator matrix")
        return (rng.random((n, int(rng.integers(2, 6)))) < rng.choice([0.0, 0.3, 0.5])).astype(int)
    if kind == "regressor":
        exponent = int(rng.integers(-30, 31)) if rng.random() < 0.3 else 0
        shape = (n, int(rng.integers(1, 4))) if rng.random() < 0.4 else (n,)
        notes.append(f"targets of shape {shape} times 1e{exponent}")
        y = rng.normal(size=shape) * 10.0**exponent
        if rng.random() < 0.03:
            faults.append("targets: nan")
            y.flat[0] = np.nan
        return y
    return None


def _weights(
    rng: np.random.Generator, n: int, faults: list[str], notes: list[str]
) -> np.ndarray | list[float]:
    kind = str(rng.choice(["equal", "some zero", "huge", "tiny", "spread", "list", "invalid"]))
    weights = {
        "equal": np.ones(n),
        "some zero": (rng.random(n) < 0.7).astype(float),
        "huge": rng.random(n) * 1e30,
        "tiny": rng.random(n) * 1e-30,
        "spread": 10.0 ** rng.uniform(-10, 10, n),
        "list": rng.random(n).tolist(),
        "invalid": rng.random(n),
    }[kind]
    notes.append(f"{kind} weights")
    if kind == "invalid":
        fault = str(rng.choice(["negative", "nan", "all zero", "too few"]))
        faults.append(f"weights: {fault}")
        if fault == "too few":
            return weights[:-1]
        weights[0] = {"negative": -1.0, "nan": np.nan, "all zero": 0.0}[fault]
        if fault == "all zero":
            weights[:] = 0.0
    if kind == "some zero":
        notes.append("perhaps none left")
    return weights


def _params(rng: np.random.Generator, kind: str, faults: list[str]) -> dict[str, Any]:
    """Some parameters at random values, the others at their defaults."""

    def one_of(*values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    if kind not in NETWORKS:
        few = {"n_filters": one_of(1, 4, 9), "n_patches": 50, "random_state": 0}
        return few if kind == "patches" else {"n_jobs": 1}
    n_layers = one_of(1, 1, 2)
    choices: dict[str, Any] = {
        "n_filters": one_of(1, 3, 4) if n_layers == 1 else (one_of(1, 4), one_of(2, 5)),
        "filter_size": one_of(1, 2, 3, 5),
        "pool_size": one_of(1, 2, 3),
        "pooling": one_of("max", "mean"),
        "activation": one_of("relu", "tanh", "sigmoid"),
        "normalization": one_of("batch", None),
        "solver": one_of("adam", "muon", "sgd", "gd"),
        "batch_size": one_of("auto", 1, 7, 64),
        "learning_rate": one_of("auto", "constant", "linear", "one_cycle", "invscaling"),
        "shuffle": one_of(True, False, "replacement"),
        "augment": one_of(None, None, "flip", "shift", ("flip", "affine")),
        "standardize": one_of(True, True, True, False),
        "early_stopping": one_of(False, False, False, True),
        "alpha": one_of(0.0, 1e-3, 1.0),
    }
    if kind == "autoencoder":
        choices |= {"noise": one_of(0.0, 0.5), "sparsity": one_of(0.0, 0.9)}
        choices |= {"code_size": one_of(None, 1, 5)}
    else:
        choices |= {
            "padding": one_of("same", "same", "valid"),
            "pool_regions": one_of(None, None, 1, 2),
            "hidden_layer_sizes": one_of((), (5,), (4, 3)),
            "dropout": one_of("auto", 0.0, 0.5),
            "weight_init": one_of("auto", "uniform"),
            "predict_augment": one_of(None, None, "flip"),
        }
    if kind == "classifier":
        choices |= {
            "output_activation": one_of("softmax", "softmax", "sigmoid"),
            "label_smoothing": one_of(0.0, 0.1),
            "class_weight": one_of(None, None, "balanced"),
        }
    chosen = {name: value for name, value in choices.items() if rng.random() < 0.6}
    chosen |= {"max_iter": one_of(1, 2), "random_state": 0, "n_jobs": 1}
    if rng.random() < 0.03:
        name = str(rng.choice(["batch_size", "alpha", "tol", "max_iter"]))
        chosen[name] = -1
        faults.append(f"{name}=-1")
    return chosen
