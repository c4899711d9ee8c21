"""Importing the packages of the extra ``onnx``."""

from __future__ import annotations

import importlib
from typing import Any


def required(package: str, what: str) -> Any:
    """Import a package that `what` needs, or raise an error that names the extra to install."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{what} needs {package}, which is not installed. Install it with: "
            'pip install "skcnn[onnx]"'
        ) from error
