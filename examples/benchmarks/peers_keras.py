"""SciKeras' KerasClassifier and Keras' SKLearnClassifier, for `peers.py`.

SciKeras runs on TensorFlow, the backend of its documentation, and Keras on PyTorch, unless the
environment variable KERAS_BACKEND says otherwise.
"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
from peers_networks import BATCH, EPOCHS, FILTERS, RATE, UNITS, Peer

USING = "import os; os.environ['KERAS_BACKEND'] = '{}'; "


def network(filters: int, dropout: bool, augment: bool, rows: bool) -> keras.Model:
    """The convolutional network, for images or for rows of pixels."""
    layers = [keras.Input((64,)), keras.layers.Reshape((8, 8, 1))]
    if not rows:
        layers = [keras.Input((8, 8, 1))]
    if augment:
        layers.append(keras.layers.RandomTranslation(0.13, 0.13, fill_mode="constant"))
    layers += [
        keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(UNITS, activation="relu"),
    ]
    if dropout:
        layers.append(keras.layers.Dropout(0.5))
    return keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])


def counting(record: list) -> keras.callbacks.Callback:
    """A callback of Keras."""
    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: record.append(epoch))


class KerasPeer(Peer):
    """What both wrappers have in common."""

    def set_seed(self, seed):
        keras.utils.set_random_seed(seed)

    def weights(self, estimator):
        return np.concatenate([np.ravel(w) for w in estimator.model_.get_weights()])

    def to_onnx(self, estimator, X, path):
        estimator.model_.export(str(path), format="onnx", verbose=False)

    def save_safely(self, estimator, X, folder):
        estimator.model_.save(folder / "model.keras")
        model = keras.models.load_model(folder / "model.keras", safe_mode=True)
        before = estimator.model_.predict(X, verbose=0)
        return np.array_equal(model.predict(X, verbose=0), before)


class SciKeras(KerasPeer):
    name, title = "scikeras", "SciKeras[^scikeras]"
    distributions = ("scikeras", "tensorflow-cpu")
    statement = USING.format("tensorflow") + "from scikeras.wrappers import KerasClassifier"
    how = {  # noqa: RUF012
        "images as X": "as the model takes them, here (n, h, w, channels)",
        "own validation set": "`fit__validation_data`",
        "callbacks": "those of Keras: `callbacks`",
        "sample weights": "`sample_weight` of `fit`",
        "class weights": "`class_weight`",
        "dropout": "a layer",
        "augmentation": "layers[^keras-augmentation]",
        "transform": "its documentation shows a subclass that has it[^scikeras-transform]",
        "threads": "`tf.config.threading`, for the whole process, before it starts[^tf-threads]",
        "same results again": "`random_state`",
        "ONNX": '`model_.export(format="onnx")`',
        "files without code": "the network alone: `model_.save`",
    }
    partly = ("threads", "files without code")

    def new(
        self,
        epochs=EPOCHS,
        *,
        filters=FILTERS,
        batch=BATCH,
        dropout=False,
        augment=False,
        **others,
    ):
        from scikeras.wrappers import KerasClassifier

        return KerasClassifier(
            partial(network, filters, dropout, augment, rows=False),
            loss="sparse_categorical_crossentropy",
            optimizer="adam",
            optimizer__learning_rate=RATE,
            batch_size=batch,
            epochs=epochs,
            verbose=0,
            random_state=0,
            **others,
        )

    def checked(self):
        from scikeras.wrappers import KerasClassifier

        return KerasClassifier(
            table_for_scikeras, loss="sparse_categorical_crossentropy", epochs=5, verbose=0
        )

    def images(self, X):
        return X.reshape(-1, 8, 8, 1)

    def epochs_of(self, estimator):
        return len(estimator.history_["loss"])

    @contextlib.contextmanager
    def threads(self, estimator, number):
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(number)
        yield

    def weights_with_threads(self, number):
        """In a new process: TensorFlow takes the number of threads before it starts only."""
        code = f"import peers_keras as p; print(p.digest({number}))"
        folder = Path(__file__).parent
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
        )
        return np.frombuffer(bytes.fromhex(done.stdout.split()[-1]), np.uint8)

    def fit_validated(self, X, y, X_val, y_val):
        return self.new(fit__validation_data=(X_val, y_val)).fit(X, y).history_["val_loss"]

    def fit_with_callback(self, X, y, record):
        self.new(callbacks=[counting(record)]).fit(X, y)


def digest(number: int) -> str:
    """A checksum of the weights of SciKeras with this number of threads."""
    weights = Peer.weights_with_threads(SciKeras(), number)
    return hashlib.sha256(weights.tobytes()).hexdigest()


def table_for_scikeras(meta: dict) -> keras.Model:
    """A network for tables of any width, for scikit-learn's estimator checks."""
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(UNITS, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def compiled(X, y, filters=FILTERS, dropout=False, augment=False) -> keras.Model:
    """The network as SKLearnClassifier wants it."""
    model = network(filters, dropout, augment, rows=True)
    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(RATE))
    return model


def table(X, y) -> keras.Model:
    """A network for tables of any width, for scikit-learn's estimator checks."""
    model = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(UNITS, activation="relu"),
            keras.layers.Dense(y.shape[1], activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam")
    return model


class Keras(KerasPeer):
    name, title = "keras", "Keras SKLearnClassifier"
    distributions = ("keras", "torch")
    statement = USING.format("torch") + "from keras.wrappers import SKLearnClassifier"
    how = {  # noqa: RUF012
        "images as X": "rows, which a `Reshape` layer turns into images",
        "partial_fit": "nor `warm_start`[^keras-warm-start]",
        "own validation set": "`validation_data` of `fit`, with y as Keras needs it",
        "callbacks": "those of Keras: `callbacks` of `fit`[^keras-wrapper]",
        "sample weights": "`sample_weight` of `fit`",
        "class weights": "`class_weight` of `fit`, by position",
        "dropout": "a layer",
        "augmentation": "layers[^keras-augmentation]",
        "transform": "`SKLearnTransformer` is a class of its own[^keras-wrapper]",
        "threads": "`torch.set_num_threads`, for the whole process[^torch-threads]",
        "same results again": "`keras.utils.set_random_seed`[^keras-seed]",
        "ONNX": '`model_.export(format="onnx")`',
        "files without code": "the network alone: `model_.save`",
    }
    partly = ("images as X", "threads", "files without code")

    def new(self, epochs=EPOCHS, *, batch=BATCH, **changes):
        from keras.wrappers import SKLearnClassifier

        settings = {"epochs": epochs, "batch_size": batch, "verbose": 0}
        return SKLearnClassifier(compiled, model_kwargs=changes, fit_kwargs=settings)

    def checked(self):
        from keras.wrappers import SKLearnClassifier

        return SKLearnClassifier(table, fit_kwargs={"epochs": 5, "verbose": 0})

    def new_warm(self):
        X, y = np.zeros((1, 64)), np.zeros((1, 10))
        return self.new().set_params(model=compiled(X, y), warm_start=True)

    def epochs_of(self, estimator):
        return len(estimator.history_.epoch)

    @contextlib.contextmanager
    def threads(self, estimator, number):
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(number)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def fit_class_weighted(self, X, y, weights):
        positions = {i: weights.get(label, 1.0) for i, label in enumerate(np.unique(y))}
        return self.new().fit(X, y, class_weight=positions)

    def fit_validated(self, X, y, X_val, y_val):
        targets = keras.utils.to_categorical(y_val, 10)
        return self.new().fit(X, y, validation_data=(X_val, targets)).history_.history["val_loss"]

    def fit_with_callback(self, X, y, record):
        self.new().fit(X, y, callbacks=[counting(record)])
