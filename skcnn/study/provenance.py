"""How a report was made: the command, and the versions of what it ran on."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

from skcnn.study.comparison.settings import Settings

_OPTIONS = ("out", "train_size", "seeds", "search", "time_budget", "n_jobs", "candidates")


def versions() -> dict[str, str]:
    """Versions that a figure may depend on."""
    from skcnn import __version__

    return {
        "skcnn": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "scipy", "scikit-learn")},
        "scikit-image": metadata.version("scikit-image"),
    }


def command(settings: Settings) -> str:
    """The command that makes this report."""
    default = Settings()
    if isinstance(settings.data, (str, Path)):
        words = ["python -m skcnn compare"]
        if settings.data != default.data:
            words.append(f"--data {settings.data}")
        for name in _OPTIONS:
            value = getattr(settings, name)
            if value != getattr(default, name):
                words.append(f"--{name.replace('_', '-')} {value}")
        return " ".join(words + ["--quick"] * settings.quick)
    given = [
        f"{name}={getattr(settings, name)!r}"
        for name in (*_OPTIONS[1:], "quick")
        if getattr(settings, name) != getattr(default, name)
    ]
    arguments = ", ".join(["(X_train, y_train, X_test, y_test)", *given])
    return f"skcnn.study.comparison.run({arguments})"
