"""Running a study: open its store, look up what is stored, run the rest in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Generic, TypeVar

from joblib import Parallel, delayed

from skcnn.displays._common import pyplot
from skcnn.study.data import Images
from skcnn.study.formatting import count
from skcnn.study.progress import Reporter
from skcnn.study.provenance import versions
from skcnn.study.settings import StudySettings
from skcnn.study.store import InterruptWatch, Store

ItemT = TypeVar("ItemT", bound=Hashable)
ResultT = TypeVar("ResultT")


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
    """What all steps of a study share. Made by `open_session`."""

    store: Store
    reporter: Reporter
    watch: InterruptWatch
    workers: int

    def load(self, part: Part[ResultT]) -> ResultT | None:
        """The stored result, or None."""
        fields = self.store.load(part.kind, part.settings)
        return None if fields is None else part.type(**fields)

    def save(self, part: Part[ResultT], result: ResultT) -> None:
        """Store a result, unless Ctrl-C may have cut it short: then raise KeyboardInterrupt."""
        self.watch.check()
        fields = asdict(result) if is_dataclass(result) else result  # type: ignore[arg-type]
        self.store.save(part.kind, part.settings, fields)

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
        result. `allows` decides whether a job is run when a worker is free for it; it may look at
        `results`. `workers` is the number of processes, by default that of the session; 1 runs all
        jobs in this process.
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
    store = Store(settings.out / "parts", {"data": images.fingerprint, **versions()})
    with InterruptWatch() as watch:
        try:
            yield Session(store, reporter, watch, settings.workers)
        except KeyboardInterrupt:
            reporter.line(
                f"Interrupted. All finished results are in {store.folder}. Run the same command "
                "again to continue."
            )
            raise
