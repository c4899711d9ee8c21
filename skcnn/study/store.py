"""Files that are written whole or not at all; stored results, and making those that are missing."""

from __future__ import annotations

import csv
import json
import math
import signal
import tempfile
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import joblib
import numpy as np
from joblib import Parallel, delayed

from skcnn._files.paths import write_bytes
from skcnn._text import count
from skcnn.displays._common import pyplot
from skcnn.study.data import Images
from skcnn.study.folder import CACHE, parts_of
from skcnn.study.progress import Reporter
from skcnn.study.provenance import code_checksum, versions
from skcnn.study.settings import StudySettings

FORMAT = 3  # to be raised when the meaning of a stored result changes

ItemT = TypeVar("ItemT", bound=Hashable)
ResultT = TypeVar("ResultT")


def write_text(path: Path, text: str) -> None:
    """Write a text file as `write_bytes` does.

    Characters that UTF-8 cannot have, of file names in another encoding, become escape sequences.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file as `write_text` does; NumPy's values become plain, NaN becomes null."""
    write_text(path, json.dumps(_plain(value), indent=1, allow_nan=False))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file as `write_text` does."""
    lines: list[str] = []
    # With its own line ends, the writer also quotes a lone "\r", without which no reader could tell
    # it from the end of a line.
    writer = csv.writer(SimpleNamespace(write=lines.append))
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, "".join(line.removesuffix("\r\n") + "\n" for line in lines))


@contextmanager
def remember_interrupts() -> Iterator[Callable[[], None]]:
    """Provide a function that raises KeyboardInterrupt if Ctrl-C was pressed since the start.

    `ConvNetClassifier.fit` ends on Ctrl-C and keeps the weights learned so far. A study must not
    take such a fit for a finished one.
    """
    seen = False

    def remember(*_: object) -> None:
        nonlocal seen
        seen = True
        raise KeyboardInterrupt

    def check() -> None:
        if seen:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    previous = signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, previous)


@dataclass(frozen=True)
class Part(Generic[ResultT]):
    """A result that can be stored: its kind and the settings that determine it.

    `type` is its dataclass, or `dict`: ``type(**fields)`` rebuilds the result from JSON.
    """

    kind: str
    settings: dict[str, Any]
    type: Callable[..., ResultT]


@dataclass(frozen=True)
class Session:
    """Results in a folder, one JSON file each, and what else all steps of a study share.

    `common` are settings that all results depend on: checksums of the data and of the code,
    versions of the libraries. `check` is a function that `remember_interrupts` provides.
    `open_session` makes a session.
    """

    folder: Path
    common: dict[str, Any]
    reporter: Reporter
    check: Callable[[], None]
    workers: int

    def path(self, part: Part[Any], suffix: str = ".json") -> Path:
        """The file of a result."""
        settings = {**self.common, "format": FORMAT, **part.settings}
        whole = json.dumps(settings, sort_keys=True, default=repr)
        return self.folder / f"{part.kind}-{joblib.hash(whole)[:16]}{suffix}"

    @contextmanager
    def cache(self) -> Iterator[joblib.Memory]:
        """A cache for one step of the study. It is not kept: an interruption may damage it."""
        with tempfile.TemporaryDirectory(
            prefix=CACHE, dir=self.folder, ignore_cleanup_errors=True
        ) as folder:
            yield joblib.Memory(folder, verbose=0)

    def load(self, part: Part[ResultT]) -> ResultT | None:
        """The stored result; None if there is none or its file is damaged."""
        try:
            fields = json.loads(self.path(part).read_text(encoding="utf-8"))["value"]
            return part.type(**fields)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, part: Part[ResultT], result: ResultT) -> None:
        """Store a result, unless Ctrl-C may have cut it short: then raise KeyboardInterrupt."""
        self.check()
        fields = asdict(result) if is_dataclass(result) else result  # type: ignore[arg-type]
        settings = {**self.common, "format": FORMAT, **part.settings}
        write_json(self.path(part), {"settings": settings, "value": fields})

    def load_all(
        self, items: Iterable[ItemT], part_of: Callable[[ItemT], Part[ResultT]]
    ) -> dict[ItemT, ResultT]:
        """The results of those items that are stored."""
        found = ((item, self.load(part_of(item))) for item in items)
        return {item: result for item, result in found if result is not None}

    def run(
        self,
        title: str,
        jobs: Sequence[tuple[ItemT, ...]],
        make: Callable[[tuple[ItemT, ...]], list[ResultT]],
        results: dict[ItemT, ResultT],
        *,
        part_of: Callable[[ItemT], Part[ResultT]],
        describe: Callable[[ItemT, ResultT], str],
        allows: Callable[[tuple[ItemT, ...]], bool] = lambda items: True,
        workers: int | None = None,
    ) -> None:
        """Run jobs in worker processes; store each result and add it to `results`.

        A job is some items, for which `make` returns one result each. The progress report counts
        the items, those in `results` as done, and shows what `describe` says of an item and its
        result. `allows` decides whether a job is run, shortly before a worker is free for it. It
        may look at `results`, in which those of the last jobs may still be missing. `workers` is
        the number of processes, by default that of the session; 1 runs all jobs in this process.
        """
        n_jobs = workers or self.workers
        parallel = Parallel(
            n_jobs, batch_size=1, pre_dispatch=n_jobs, return_as="generator_unordered"
        )
        calls = (delayed(_with_items)(make, items) for items in jobs if allows(items))
        with self.reporter.stage(title, len(results) + sum(map(len, jobs))) as stage:
            for _ in results:
                stage.advance()
            for items, made in parallel(calls):
                for item, result in zip(items, made, strict=True):
                    self.save(part_of(item), result)
                    results[item] = result
                    stage.advance(describe(item, result))


def _with_items(make: Callable[[ItemT], ResultT], items: ItemT) -> tuple[ItemT, ResultT]:
    """What `make` returns for these items, and the items: jobs end in any order."""
    return items, make(items)


@contextmanager
def open_session(settings: StudySettings, images: Images, reporter: Reporter) -> Iterator[Session]:
    """The session of a study, with its results in ``parts`` of the folder `settings.out`.

    On Ctrl-C it tells how to continue and raises KeyboardInterrupt.
    """
    pyplot("The report")  # raises ImportError now rather than at the end
    reporter.line(
        f"{images.name}: {len(images.y_train):,} training and {len(images.y_test):,} test images; "
        f"{count(settings.workers, 'core')}; output folder: {settings.out}"
    )
    common = {"data": images.fingerprint, "code": code_checksum(), **versions()}
    with parts_of(settings.out) as folder, remember_interrupts() as check:
        try:
            yield Session(folder, common, reporter, check, settings.workers)
        except KeyboardInterrupt:
            reporter.line(
                f"Interrupted. All finished results are in {folder}. Run the same command "
                "again to continue."
            )
            raise


def _plain(value: Any) -> Any:
    """A value in the types of JSON, which has no NaN; other types by their repr."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value if value is None or isinstance(value, str | int) else repr(value)
