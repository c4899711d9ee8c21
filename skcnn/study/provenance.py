"""How a report was made: date, machine, versions, and the command that makes it again."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import platform
import shlex
from importlib import metadata
from pathlib import Path

import skcnn
from skcnn._text import count
from skcnn.study.settings import StudySettings

# How a report writes the names of those packages whose names are spelled otherwise.
SPELLING = {"python": "Python", "numpy": "NumPy", "scipy": "SciPy"}

# Modules of the studies that do not compute results, by the beginnings of their names.
PRESENTATION = (
    "conclusions",
    "figures",
    "formatting",
    "html",
    "progress",
    "report",
    "tables",
    "verdicts",
)


@dataclasses.dataclass(frozen=True)
class Environment:
    """When and on what a report was made; `versions` are those of `versions`."""

    date: str
    system: str
    cores: int
    versions: dict[str, str]

    def __str__(self) -> str:
        """One line for the end of a report."""
        parts = [f"{SPELLING.get(name, name)} {number}" for name, number in self.versions.items()]
        return f"{', '.join(parts)}; {self.system}, {count(self.cores, 'core')}"


def versions() -> dict[str, str]:
    """The versions of skcnn, Python and the libraries that results may depend on."""
    libraries = ("numpy", "scipy", "scikit-learn", "scikit-image")
    return {
        "skcnn": skcnn.__version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in libraries},
    }


def code_checksum() -> str:
    """A checksum of the code of skcnn, but for what only draws and writes reports."""
    package = Path(skcnn.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        if _only_presents(place):
            continue
        digest.update(place.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _only_presents(place: Path) -> bool:
    if place.parts[0] == "displays":
        return place.stem != "_estimators"  # which has `confidence_of`
    return place.parts[0] == "study" and place.stem.startswith(PRESENTATION)


def environment(cores: int) -> Environment:
    """The environment of a run that uses this number of cores."""
    return Environment(
        date=datetime.date.today().isoformat(),
        system=f"{platform.system()} {platform.machine()}",
        cores=cores,
        versions=versions(),
    )


def reproducing_command(settings: StudySettings, command: str, *arguments: str) -> str:
    """The command that makes a report again; for data passed as arrays, the call of `run`.

    Each setting is an option of the command (with hyphens in its name) and a parameter of `run`,
    which is in the package of the settings and takes the positional arguments as a list. Settings
    with their default value are left out.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    default_data = defaults.pop("data")
    values = {name: getattr(settings, name) for name in defaults}
    changed = {name: value for name, value in values.items() if value != defaults[name]}
    if isinstance(settings.data, str | Path):
        if settings.data != default_data:
            changed = {"data": settings.data, **changed}
        words = ["python", "-m", "skcnn", command, *arguments]
        for name, value in changed.items():
            words.append(f"--{name.replace('_', '-')}")
            words += [] if value is True else [str(value)]
        return shlex.join(words)
    changed.pop("out", None)
    package = type(settings).__module__.rpartition(".")[0]
    given = [repr(list(arguments))] if arguments else []
    given += ["data=(X_train, y_train, X_test, y_test)"]
    given += [f"{name}={value!r}" for name, value in changed.items()]
    return f"{package}.run({', '.join(given)})"
