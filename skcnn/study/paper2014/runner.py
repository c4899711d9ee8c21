"""The rerun from beginning to end: images, runs, tables, verdicts, report."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skcnn.displays._common import pyplot
from skcnn.study import data as compare_data
from skcnn.study.comparison.settings import Settings
from skcnn.study.data import Images, nested_order
from skcnn.study.paper2014 import fits
from skcnn.study.paper2014.execute import execute
from skcnn.study.paper2014.experiments import EXPERIMENTS, PROTOCOLS, Point, Run, Scope, resolve
from skcnn.study.paper2014.pictures import draw
from skcnn.study.paper2014.report import write_report
from skcnn.study.paper2014.tables import Tables, make_tables, write_tables
from skcnn.study.paper2014.verdicts import Verdict, judge
from skcnn.study.progress import Reporter
from skcnn.study.provenance import versions
from skcnn.study.store import InterruptWatch, Store
from skcnn.study.store import write_text as write_whole

DPI = 110
QUICK_TRAIN, QUICK_TEST = 2_000, 1_000  # images of a quick run


@dataclass(frozen=True)
class Rerun:
    """What a rerun came to.

    Attributes
    ----------
    report : Path
        The HTML report.
    tables : dict of str to list of dict
        Rows by experiment; errors in percent, times in seconds.
    verdicts : list of Verdict
        What holds of the paper's conclusions.
    """

    report: Path
    tables: Tables
    verdicts: list[Verdict]


def run(
    experiments: Iterable[str] = ("all",),
    *,
    data: Any = "mnist",
    out: str | Path = "skcnn-paper",
    seeds: int = 1,
    n_jobs: int | None = None,
    quick: bool = False,
    verbose: bool = True,
) -> Rerun:
    """Rerun experiments of the paper, as published and trained today, and write a report.

    What is finished is kept in `out`: a run that was stopped and is started again with the same
    settings goes on from there; with more experiments or seeds, only these are added.

    Parameters
    ----------
    experiments : iterable of str, default=("all",)
        "table2", "fig2" to "fig11", "sec5.5", "heatmaps", "all".
    data : {"mnist", "digits"}, path-like, or four arrays, default="mnist"
        MNIST (downloaded once); scikit-learn's digits; a folder with four IDX files named as
        MNIST's; or ``(X_train, y_train, X_test, y_test)``. Images of another size than 28 x 28
        get filters in proportion.
    out : path-like, default="skcnn-paper"
        Folder of the report; made if needed.
    seeds : int, default=1
        Repetitions of every run; the seeds are 0, 1, ...
    n_jobs : int, default=None
        Cores to use. None or -1: all that this process may use.
    quick : bool, default=False
        Few images and iterations, to see how it works.
    verbose : bool, default=True
        Progress on standard error.

    Returns
    -------
    rerun : Rerun

    Raises
    ------
    ValueError
        If a setting makes no sense, or there is no such experiment.
    ImportError
        Without matplotlib: ``pip install "skcnn[plot]"``.
    KeyboardInterrupt
        On Ctrl-C; what is finished is kept.

    Examples
    --------
    >>> from skcnn.study.paper2014 import run
    >>> rerun = run(["table2", "fig8"], out="my-rerun")  # doctest: +SKIP
    >>> rerun.verdicts[0].published.status  # doctest: +SKIP
    'holds'
    """
    begin = time.monotonic()
    names = resolve([experiments] if isinstance(experiments, str) else experiments)
    settings = Settings(
        data, Path(out), seeds=seeds, n_jobs=n_jobs, quick=quick,
        train_size=QUICK_TRAIN if quick else None,
    )  # fmt: skip
    pyplot("skcnn.study.paper2014")  # better missed now than at the end
    reporter = Reporter(verbose)
    images = _load(settings)
    reporter.line(
        f"{images.name}: {len(images.y_train):,} training and {len(images.y_test):,} test images; "
        f"{settings.workers} cores; results go to {settings.out}"
    )
    scope = Scope(min(images.image_shape[:2]), seeds, quick)
    points = [point for name in names for point in EXPERIMENTS[name](scope)]
    store = Store(settings.out / "parts", {"data": images.fingerprint, **versions()})
    with InterruptWatch() as watch:
        try:
            results = execute(
                [point.run for point in points],
                images,
                store,
                workers=settings.workers,
                scratch=settings.out / "cache",
                reporter=reporter,
                watch=watch,
            )
        except (KeyboardInterrupt, fits.CutShortError) as stopped:
            reporter.line(f"Stopped. Finished runs are in {store.folder}; run again to go on.")
            raise KeyboardInterrupt from stopped
    tables = make_tables(points, results)
    most_frequent = np.unique(images.y_test, return_counts=True)[1].max()
    chance = 100 * (1 - most_frequent / len(images.y_test))
    verdicts = judge(tables, len(images.y_test), chance)
    drawn = _pictures(tables, points, results, settings.out / "pictures", reporter)
    write_tables(tables, settings.out / "tables")
    about = _about(images, settings, names, results, time.monotonic() - begin)
    report = settings.out / "report.html"
    write_whole(report, write_report(tables, verdicts, drawn, about))
    reporter.line(f"Done: {report}")
    return Rerun(report, tables, verdicts)


def _load(settings: Settings) -> Images:
    """The images; in a quick run few of them."""
    images = compare_data.load(settings)
    if settings.quick and len(images.y_test) > QUICK_TEST:
        chosen = np.sort(nested_order(images.y_test, 0)[:QUICK_TEST])
        images = replace(images, X_test=images.X_test[chosen], y_test=images.y_test[chosen])
    return images


def _pictures(
    tables: Tables,
    points: list[Point],
    results: dict[Run, dict[str, Any]],
    folder: Path,
    reporter: Reporter,
) -> dict[str, Path]:
    """All pictures as PNG files, by name."""
    filters = {}
    for protocol in PROTOCOLS:
        of = [p.run for p in points if p.experiment == "fig9" and p.series == protocol]
        if of:
            filters[protocol] = np.asarray(results[of[0]]["filters"])
    makers = draw(tables, filters)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    with reporter.stage("Pictures", len(makers)) as stage:
        for name, make in makers.items():
            paths[name] = folder / f"{name}.png"
            make().savefig(paths[name], dpi=DPI)
            stage.advance(name)
    return paths


def _about(
    images: Images,
    settings: Settings,
    names: list[str],
    results: dict[Run, dict[str, Any]],
    elapsed: float,
) -> dict[str, Any]:
    """What the report says of how it was made."""
    chosen = ["all"] if len(names) == len(EXPERIMENTS) else names
    if isinstance(settings.data, (str, Path)):
        words = ["python -m skcnn paper", *chosen]
        words += [f"--data {settings.data}"] if settings.data != "mnist" else []
        words += [f"--seeds {settings.seeds}"] if settings.seeds > 1 else []
        words += ["--quick"] if settings.quick else []
        command = " ".join(words)
    else:
        changes = [f"seeds={settings.seeds}"] if settings.seeds > 1 else []
        changes += ["quick=True"] if settings.quick else []
        data = "data=(X_train, y_train, X_test, y_test)"
        command = f"skcnn.study.paper2014.run({', '.join([repr(chosen), data, *changes])})"
    return {
        "name": images.name,
        "source": images.source.replace("The comparison uses", "The rerun uses"),
        "is_full_mnist": images.is_mnist and len(images.y_train) == 60_000,
        "image_side": min(images.image_shape[:2]),
        "train_images": len(images.y_train),
        "test_images": len(images.y_test),
        "quick": settings.quick,
        "seeds": settings.seeds,
        "cores": settings.workers,
        "runs": len(results),
        "fit_seconds": sum(result.get("fit_seconds", 0.0) for result in results.values()),
        "elapsed": elapsed,
        "command": command,
        "date": datetime.date.today().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
    }
