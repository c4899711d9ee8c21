"""Warnings that point to the user's line."""

from __future__ import annotations

import sys
import warnings

PACKAGES = ("skcnn", "sklearn", "joblib")  # joblib: cross-validation calls `fit` through it


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn in the line outside these packages from which the call came."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _package(frame.f_globals) in PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(module: dict[str, object]) -> str:
    return str(module.get("__name__", "")).partition(".")[0]
