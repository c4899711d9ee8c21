"""What the packages of `peers.py` cost: megabytes on disk, and time to import."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def megabytes(distributions: tuple[str, ...]) -> float:
    """The files of these distributions and what they need, without what scikit-learn needs."""
    beyond = closure(distributions) - closure(("scikit-learn",))
    return sum(size_of(name) for name in beyond) / 1e6


def closure(names: tuple[str, ...]) -> set[str]:
    """The distributions and, in turn, all that they require."""
    found: set[str] = set()
    waiting = [normalized(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += required(name)
    return found


def required(name: str) -> list[str]:
    if name == "skcnn":  # of this checkout
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        lines = tomllib.loads(text)["project"]["dependencies"]
    else:
        lines = metadata.requires(name) or []
    parsed = [Requirement(line) for line in lines]
    return [
        normalized(each.name)
        for each in parsed
        if each.marker is None or each.marker.evaluate({"extra": ""})
    ]


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def size_of(name: str) -> int:
    """Bytes of the files of a distribution, without compiled bytecode."""
    if name == "skcnn":
        files = list((ROOT / "skcnn").rglob("*"))
    else:
        files = [Path(str(file.locate())) for file in metadata.files(name) or []]
    return sum(
        file.stat().st_size for file in files if file.is_file() and "__pycache__" not in file.parts
    )


def import_times(statements: dict[str, str], rounds: int) -> dict[str, float]:
    """Processor time of each import in new processes, in units of `import sklearn`: medians.

    Other than elapsed time, it hardly depends on what else the machine does. Not on Windows.
    """
    statements = {"sklearn": "import sklearn", **statements}
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each process would compile all anew
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    for number in range(rounds + 1):
        for name, statement in statements.items():
            before = os.times()
            command = [sys.executable, "-c", statement]
            subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment)
            if number:  # the first round fills the disk cache and compiles
                after = os.times()
                user = after.children_user - before.children_user
                seconds[name].append(user + after.children_system - before.children_system)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {name: median / medians["sklearn"] for name, median in medians.items()}
