"""What the packages of `peers.py` cost: megabytes on disk, and seconds to import."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
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
    """Seconds of each import in fresh processes, divided by those of `import sklearn`: medians."""
    statements = {"sklearn": "import sklearn", **statements}
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    for number in range(rounds + 1):
        for name, statement in statements.items():
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", statement], check=True, capture_output=True, cwd=ROOT
            )
            if number:  # the first round fills the disk cache and compiles
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {name: median / medians["sklearn"] for name, median in medians.items()}
