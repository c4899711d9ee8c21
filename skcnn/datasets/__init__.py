"""Image data sets: published ones, scikit-learn's digits, files in IDX format, image folders.

The loaders of published data sets return ``(X_train, y_train, X_test, y_test)`` and download the
files once; `FASHION_MNIST_CLASSES`, `KMNIST_CLASSES`, `EMNIST_CHARACTERS` and `CIFAR10_CLASSES` are
the names of their classes.
"""

from skcnn.datasets._local import load_digits_images, load_idx, load_image_folder
from skcnn.datasets._published import (
    CIFAR10_CLASSES,
    EMNIST_CHARACTERS,
    FASHION_MNIST_CLASSES,
    KMNIST_CLASSES,
    load_cifar10,
    load_emnist,
    load_fashion_mnist,
    load_kmnist,
    load_mnist,
)

__all__ = [
    "CIFAR10_CLASSES",
    "EMNIST_CHARACTERS",
    "FASHION_MNIST_CLASSES",
    "KMNIST_CLASSES",
    "load_cifar10",
    "load_digits_images",
    "load_emnist",
    "load_fashion_mnist",
    "load_idx",
    "load_image_folder",
    "load_kmnist",
    "load_mnist",
]
