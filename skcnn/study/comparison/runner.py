"""The comparison from the data to the report: searches, final fits, learning curves."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skcnn._files.paths import replacing, to_path
from skcnn.engine.runtime.floating_point import ignore_underflow
from skcnn.study.cli import add_common_arguments, run_command
from skcnn.study.comparison.conclusions import brief, conclude
from skcnn.study.comparison.contenders import CONTENDERS, Params, build
from skcnn.study.comparison.figures import FEATURE_FIGURES, draw
from skcnn.study.comparison.measure import learning_curves, measure_alone
from skcnn.study.comparison.measured import FinalFit
from skcnn.study.comparison.report import write_report
from skcnn.study.comparison.results import Results
from skcnn.study.comparison.search import search_all
from skcnn.study.comparison.settings import SEARCHES, Budget, Settings
from skcnn.study.comparison.tables import as_dict, write_results
from skcnn.study.data import LEAST_PER_CLASS, Images, load_images
from skcnn.study.progress import Reporter
from skcnn.study.provenance import environment
from skcnn.study.store import Part, Session, open_session, write_text


@dataclass(frozen=True)
class Comparison:
    """What `run` returns.

    Attributes
    ----------
    report : Path
        The HTML report.
    results : dict
        All results, as in ``results.json``: ``params``, ``search``, ``final``, ``pairs``,
        ``curves``, ``by_share``, ``crossings``, ``conclusions`` and more; where they differ by
        contender, by its key: "cnn", "hog_svc", "cnn_svc", "pixels_svc", "patches", and with
        `features` also "daisy_svc" and "autoencoder".
    models : dict of str to Path
        Files of the fitted pipelines, for `joblib.load`. Load only files that you trust.
    summary : str
        The main results in a few sentences.
    """

    report: Path
    results: dict[str, Any]
    models: dict[str, Path]
    summary: str


@ignore_underflow
def run(
    data: Any = "digits",
    *,
    out: str | Path = "skcnn-compare",
    train_size: int | None = None,
    seeds: int = 3,
    search: str = "grid",
    time_budget: float = 5400.0,
    n_jobs: int | None = None,
    candidates: int | None = None,
    quick: bool = False,
    features: bool = False,
    verbose: bool = True,
) -> Comparison:
    """Compare a CNN with HOG + SVC and with classifiers on other features, and write a report.

    The others are an SVC on the features of the CNN, an SVC on the pixels, and a linear classifier
    on features of patches. Each contender is tuned by cross-validation on the same folds, then
    fitted on all training images and, for the learning curves, on growing shares of them. Finished
    results are stored in `out`. To continue an interrupted run, call `run` again with the same
    arguments.

    Parameters
    ----------
    data : {"digits", "mnist"}, path-like, or four arrays, default="digits"
        scikit-learn's digits; MNIST (downloaded once); a folder with the four IDX files of a
        data set, as `skcnn.datasets.load_mnist` finds them; or ``(X_train, y_train, X_test,
        y_test)``.
    out : path-like, default="skcnn-compare"
        Folder of the report; created if needed.
    train_size : int, default=None
        Number of training images to use, drawn with every class in proportion. None: all.
    seeds : int, default=3
        Number of repetitions of the learning curves; the seeds are 0, 1, ...
    search : {"grid", "halving"}, default="grid"
        Whether to tune with `GridSearchCV` or `HalvingGridSearchCV`.
    time_budget : float, default=5400
        Time for the run in seconds. Candidates of the searches and points of the learning curves
        that do not fit into it are left out, which the report mentions. A fit that has begun is
        finished. A search that ran out of time continues only with another budget.
    n_jobs : int, default=None
        Number of cores to use. None or -1: all that this process may use.
    candidates : int, default=None
        Maximum number of settings to try for each contender, those closest to its defaults. None:
        from 6 to 20, depending on how long a fit takes, with at most 5,000 training images,
        otherwise the whole grid.
    quick : bool, default=False
        Whether to make a small run that only shows what the report looks like.
    features : bool, default=False
        Whether to compare features: DAISY and an autoencoder take part, too, and the learning
        curves show errors against the number of labels, from ten per class on average to all.
        Features that need no labels are learned once, from all training images.
    verbose : bool, default=True
        Whether to report progress on standard error.

    Returns
    -------
    comparison : Comparison

    Raises
    ------
    ValueError
        If a setting is invalid or there are too few images.
    OSError
        If `out` cannot be written to, if it is the folder of a run that has not ended, or if the
        disk is full. Finished results are stored.
    ImportError
        If matplotlib is missing; install it with ``pip install "skcnn[plot]"``.
    KeyboardInterrupt
        On Ctrl-C. Finished results are stored.

    Warns
    -----
    ImageShapeWarning
        If the shape of the images in ``X_train`` is likely to be guessed wrong.
    UserWarning
        If ``X_test`` is scaled differently from ``X_train``.

    Examples
    --------
    >>> from skcnn.study.comparison import run
    >>> comparison = run("digits", out="my-comparison")  # doctest: +SKIP
    >>> comparison.results["final"]["cnn"]["wrong"]  # doctest: +SKIP
    5
    """
    settings = Settings(
        data=data,
        out=to_path(out, "out"),
        train_size=train_size,
        seeds=seeds,
        search=search,
        time_budget=time_budget,
        n_jobs=n_jobs,
        candidates=candidates,
        quick=quick,
        features=features,
    )
    budget, reporter = Budget(time_budget), Reporter(verbose)
    # Every fold of the search needs images of every class.
    least = LEAST_PER_CLASS * settings.folds
    images = load_images(data, train_size=train_size, least_per_class=least)
    with open_session(settings, images, reporter) as session:
        results, models = _measure(images, settings, budget, session)
        results = replace(results, elapsed=budget.spent)
        conclusions = conclude(results)
        plain = as_dict(results, conclusions)
        _remove_files_of_others(settings)
        write_results(plain, images, settings.out)
        drawn = draw(results, models, settings.out / "pictures", reporter)
        report = settings.out / "report.html"
        write_text(report, write_report(results, conclusions, drawn))
    reporter.line(f"Done: {report}")
    return Comparison(report, plain, models, brief(results))


def parser(prog: str = "python -m skcnn compare") -> argparse.ArgumentParser:
    """The arguments of the command: the parameters of `run`."""
    default = Settings()
    parser = argparse.ArgumentParser(
        prog=prog,
        description=(
            "Compare a convolutional network with HOG + SVC, with an SVC on the network's features "
            "or on pixels, and with a linear classifier on features of patches: hyperparameter "
            "search, learning curves, test errors, costs and figures in one HTML report. To "
            "continue an interrupted run, give the same command again."
        ),
        epilog="On two cores, scikit-learn's digits take two minutes, MNIST up to 90 minutes.",
    )
    add_common_arguments(
        parser,
        default,
        data_help="scikit-learn's digits (default), MNIST (downloaded once), or a folder with the "
        "four IDX files of MNIST, Fashion-MNIST, KMNIST, EMNIST, QMNIST or images of your own",
        seeds_help="number of repetitions of the learning curves",
        quick_help="make a small run that only shows what the report looks like",
    )
    parser.add_argument("--train-size", type=int, metavar="N", help="use only N training images")
    parser.add_argument(
        "--search",
        choices=SEARCHES,
        default=default.search,
        help="search strategy (default: %(default)s)",
    )
    parser.add_argument(
        "--time-budget",
        type=float,
        default=default.time_budget,
        metavar="SECONDS",
        help="leave out what does not fit into this time (default: %(default)g)",
    )
    parser.add_argument(
        "--candidates",
        type=int,
        metavar="N",
        help="try at most N settings per contender, those closest to its defaults (default: 6 to "
        "20 with up to 5,000 training images, otherwise the whole grid)",
    )
    parser.add_argument(
        "--features",
        action="store_true",
        help="compare features: with DAISY and an autoencoder, and errors against the number of "
        "labels, from ten per class to all",
    )
    return parser


def main(argv: Sequence[str] | None = None, prog: str = "python -m skcnn compare") -> int:
    """Run the command with these arguments, by default those of the process; return its status."""
    return run_command(parser(prog), argv, run)


def _remove_files_of_others(settings: Settings) -> None:
    """Remove what an earlier run wrote for contenders that do not take part in this one."""
    for key in CONTENDERS.keys() - set(settings.contenders):
        for path in settings.out.glob(f"*/*{key}.*"):
            if path.parent.name in ("models", "pictures", "tables"):
                path.unlink()
    if not settings.features:
        for name in FEATURE_FIGURES:
            (settings.out / "pictures" / f"{name}.png").unlink(missing_ok=True)


def _measure(
    images: Images, settings: Settings, budget: Budget, session: Session
) -> tuple[Results, dict[str, Path]]:
    """All results, and the files of the fitted pipelines."""
    found, params = search_all(images, settings, budget, session)
    final, models = {}, {}
    with session.reporter.stage("Final fits", len(settings.contenders)) as stage:
        for key in settings.contenders:
            final[key], models[key] = _fit_final(key, params[key], images, settings, session)
            label = CONTENDERS[key].look.label
            stage.advance(f"{label}: {final[key].test_error:.2%} test error")
    curves, skipped = learning_curves(params, final, images, models, settings, budget, session)
    machine = environment(settings.workers)
    return Results(images, settings, machine, params, found, final, curves, skipped), models


def _fit_final(
    key: str, params: Params, images: Images, settings: Settings, session: Session
) -> tuple[FinalFit, Path]:
    """The fit on all training images, and the file of its pipeline."""
    identity = {
        "contender": key,
        "params": params,
        "images": len(images.y_train),
        "workers": settings.workers,
    }
    part = Part("final", identity, FinalFit)
    stored_model = session.path(part, f"-{key}.joblib")
    fit = session.load(part) if stored_model.exists() else None
    if fit is None:
        session.path(part).unlink(missing_ok=True)  # the result of a model that is gone
        pipeline = build(key, params, seed=0, n_jobs=settings.workers)
        fit = measure_alone(pipeline, images, stored_model)
        session.save(part, fit)
    model = settings.out / "models" / f"{key}.joblib"
    model.parent.mkdir(exist_ok=True)
    if model.is_file() and not model.is_symlink():
        model.unlink()
    try:
        os.link(stored_model, model)  # no second copy: the file of an SVC may be large
    except OSError:
        with replacing(model) as path:
            shutil.copyfile(stored_model, path)
    return fit, model
