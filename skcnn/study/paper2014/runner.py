"""The command ``python -m skcnn paper``: from its arguments to the report."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skcnn._files.paths import to_path
from skcnn._text import count
from skcnn.engine.runtime.floating_point import ignore_underflow
from skcnn.study.cli import add_common_arguments, run_command
from skcnn.study.data import Images, load_images, nested_order
from skcnn.study.figures import save_figures
from skcnn.study.formatting import seconds
from skcnn.study.paper2014.experiments import ALIASES, EXPERIMENTS, list_points, resolve
from skcnn.study.paper2014.figures import figure_makers
from skcnn.study.paper2014.report import write_report
from skcnn.study.paper2014.runs import (
    CNNRun,
    Features,
    FitResult,
    HOGRun,
    Results,
    Run,
    TimingResult,
    TimingRun,
    hog_features,
    make,
)
from skcnn.study.paper2014.settings import Settings
from skcnn.study.paper2014.tables import Tables, make_table, write_tables
from skcnn.study.paper2014.verdicts import Verdict, judge
from skcnn.study.progress import Reporter
from skcnn.study.store import Part, Session, open_session, write_text

DPI = 110
QUICK_TRAIN, QUICK_TEST = 2_000, 1_000  # images of a quick run


@dataclass(frozen=True)
class Rerun:
    """Result of `run`."""

    report: Path  # HTML
    tables: Tables  # rows by experiment; errors in percent, times in seconds
    verdicts: list[Verdict]  # whether the paper's conclusions hold

    @property
    def summary(self) -> str:
        """The verdicts as text."""
        return "\n".join(
            f"{verdict.experiment}: {verdict.claim}\n"
            f"    as published: {verdict.published.status}; trained today: {verdict.today.status}"
            for verdict in self.verdicts
        )


@ignore_underflow
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
    """Repeat experiments of the paper, as published and trained today, and write a report.

    Finished runs are stored in `out`. A rerun that was interrupted continues when it is called
    again with the same settings; more experiments or seeds only add runs.

    Parameters
    ----------
    experiments : iterable of str, default=("all",)
        "table2", "fig2" to "fig11", "sec5.5", "heatmaps", "reasons", "all".
    data : {"mnist", "digits"}, path-like, or four arrays, default="mnist"
        MNIST (downloaded once); scikit-learn's digits; a folder with the four IDX files of a
        data set, as `skcnn.datasets.load_mnist` finds them; or ``(X_train, y_train, X_test,
        y_test)``. For images that are not 28 x 28 pixels, filters are scaled in proportion.
    out : path-like, default="skcnn-paper"
        Folder of the report; created if needed.
    seeds : int, default=1
        Repetitions of every run; the seeds are 0, 1, ...
    n_jobs : int, default=None
        Number of cores to use. None or -1: all that this process may use.
    quick : bool, default=False
        Whether to use few images and few iterations. The results then mean nothing.
    verbose : bool, default=True
        Whether to report progress on standard error.

    Returns
    -------
    rerun : Rerun

    Raises
    ------
    ValueError
        If a setting is invalid or an experiment does not exist.
    OSError
        If `out` cannot be written to, if it is the folder of a run that has not ended, or if the
        disk is full. Finished results are stored.
    ImportError
        If matplotlib is missing; install it with ``pip install "skcnn[plot]"``.
    KeyboardInterrupt
        On Ctrl-C. All finished runs are stored.

    Examples
    --------
    >>> import tempfile
    >>> from skcnn.study.paper2014 import run
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rerun = run(["fig9"], data="digits", out=folder, quick=True, verbose=False)
    >>> rerun.verdicts[0].experiment
    'fig9'
    """
    begin = time.monotonic()
    names = resolve([experiments] if isinstance(experiments, str) else experiments)
    settings = Settings(data=data, out=to_path(out, "out"), seeds=seeds, n_jobs=n_jobs, quick=quick)
    reporter = Reporter(verbose)
    images = _load(settings)
    side = min(images.image_shape[:2])
    points = {name: list(list_points(name, side, seeds, quick)) for name in names}
    with open_session(settings, images, reporter) as session:
        runs = [point.run for found in points.values() for point in found]
        results = execute(runs, images, session)
        tables = {name: make_table(name, found, results) for name, found in points.items()}
        most_frequent = np.unique(images.y_test, return_counts=True)[1].max()
        chance = float(100 * (len(images.y_test) - most_frequent) / len(images.y_test))
        verdicts = judge(tables, len(images.y_test), chance)
        figures = save_figures(figure_makers(tables), settings.out / "pictures", reporter, dpi=DPI)
        write_tables(tables, settings.out / "tables")
        report = settings.out / "report.html"
        elapsed = time.monotonic() - begin
        text = write_report(settings, images, results, tables, verdicts, figures, elapsed)
        write_text(report, text)
    reporter.line(f"Done: {report}")
    return Rerun(report, tables, verdicts)


def execute(runs: Iterable[Run], images: Images, session: Session) -> Results:
    """The result of every run: stored, or made in a worker process. Equal runs are made once.

    A network is trained on one thread, and as many networks at a time as there are cores. This
    uses the cores better than one network on all of them, and gives the same results bit for bit.
    Only the times of iterations are measured alone, on all cores.
    """
    runs = list(dict.fromkeys(runs))

    def part_of(run: Run) -> Part[Any]:
        identity = asdict(run)
        if isinstance(run, TimingRun):  # on all cores
            identity["workers"] = session.workers
        return Part(run.kind, identity, run.restore)

    results: Results = session.load_all(runs, part_of)
    missing = [run for run in runs if run not in results]
    missing.sort(key=lambda run: run.cost(images), reverse=True)
    total = sum(run.cost(images) for run in missing)
    session.reporter.line(
        f"{count(len(runs), 'run')}, {len(results)} of them stored; {len(missing)} to do, about "
        f"{seconds(total / session.workers)} on {count(session.workers, 'core')}"
    )
    begin, done = time.monotonic(), 0.0

    def describe(run: Run, result: FitResult | TimingResult) -> str:
        nonlocal done
        done += run.cost(images)
        left = max(0.0, (time.monotonic() - begin) * (total / done - 1))
        changes = (
            f"{field.name} {value}"
            for field in fields(run)
            if (value := getattr(run, field.name)) != field.default
        )
        return f"{', '.join([run.kind, *changes])}: {result}; about {seconds(left)} left"

    stages = (("Timings", TimingRun, 1), ("Networks", CNNRun, None), ("HOG + SVM", HOGRun, None))
    for title, kind, workers in stages:
        made: Results = {}
        jobs = [(run,) for run in missing if isinstance(run, kind)]
        features = _features([run for (run,) in jobs if isinstance(run, HOGRun)], images, session)
        job = partial(make, images=images, features=features, n_jobs=session.workers)
        session.run(title, jobs, job, made, part_of=part_of, describe=describe, workers=workers)
        results |= made
    return results


def _features(runs: Iterable[HOGRun], images: Images, session: Session) -> Features:
    """The HOG features that these runs need."""
    features: Features = {}
    for variant in dict.fromkeys(run.variant for run in runs):
        begin = time.monotonic()
        features[variant] = hog_features(variant, images, session.workers)
        session.reporter.line(f"Features of {variant}: {seconds(time.monotonic() - begin)}")
    return features


def main(argv: Sequence[str] | None = None, prog: str = "python -m skcnn paper") -> int:
    """Run the command with these arguments (None: those of the process).

    Returns the exit status: 0 for success; 2 if an argument, the data or the installation is
    wrong; 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        prog=prog,
        description=(
            "Repeat the experiments of Bastani and Wang, 'Convolutional Neural Networks for "
            "Classifying Handwritten Digits' (2014), as published and with today's training, and "
            "compare the new values with the paper's in an HTML report. To continue an interrupted "
            "rerun, run the same command again."
        ),
        epilog="Experiments: " + ", ".join([*EXPERIMENTS, *ALIASES]) + ".",
    )
    parser.add_argument(
        "experiments",
        nargs="*",
        default=["all"],
        metavar="EXPERIMENT",
        help="what to repeat: table2, fig2 ... fig11, sec5.5, heatmaps, reasons, or all (default)",
    )
    add_common_arguments(
        parser,
        Settings(),
        data_help="MNIST, as in the paper (default; downloaded once), scikit-learn's digits, or a "
        "folder with the four IDX files of MNIST, Fashion-MNIST, KMNIST, EMNIST, QMNIST or images "
        "of your own",
        seeds_help="repetitions of every run",
        quick_help="use few images and few iterations, to preview the report in about two minutes; "
        "the results mean nothing",
    )
    return run_command(parser, argv, run)


def _load(settings: Settings) -> Images:
    """The images; few of them for a quick run."""
    images = load_images(settings.data, train_size=QUICK_TRAIN if settings.quick else None)
    if settings.quick and len(images.y_test) > QUICK_TEST:
        chosen = np.sort(nested_order(images.y_test, 0)[:QUICK_TEST])
        images = replace(images, X_test=images.X_test[chosen], y_test=images.y_test[chosen])
    return images
