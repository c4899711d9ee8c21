"""The comparison from beginning to end: search, final fits, learning curves, report."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib

from skcnn.displays._common import pyplot
from skcnn.study import data as compare_data
from skcnn.study.comparison import summary
from skcnn.study.comparison.conclusions import conclude
from skcnn.study.comparison.contenders import CONTENDERS, build
from skcnn.study.comparison.curves import learning_curves
from skcnn.study.comparison.gallery import draw_all
from skcnn.study.comparison.grids import fixed_settings, grid_of
from skcnn.study.comparison.measure import measure_alone
from skcnn.study.comparison.report import write_report
from skcnn.study.comparison.search import part, search
from skcnn.study.comparison.settings import DEFAULT_OUT, Budget, Settings
from skcnn.study.comparison.tables import write_tables
from skcnn.study.progress import Reporter
from skcnn.study.provenance import reproducing_command, versions
from skcnn.study.store import InterruptWatch, Store, write_text

# Of the seconds allowed: to the search of each contender. The rest is for the final fits, which
# are always made, and then for as many points of the learning curves as it allows.
SEARCH_SHARE = 0.12


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to.

    Attributes
    ----------
    report : Path
        The HTML report.
    results : dict
        All figures, as in ``results.json``: ``params``, ``search``, ``final``, ``pairs``,
        ``curves``, ``by_share``, ``crossings``, ``conclusions`` and more, by contender
        ("cnn", "hog_svc", "cnn_svc") where there are several.
    models : dict of str to Path
        The fitted pipelines, for `joblib.load`.
    """

    report: Path
    results: dict[str, Any]
    models: dict[str, Path]


def run(
    data: Any = "digits",
    *,
    out: str | Path = DEFAULT_OUT,
    train_size: int | None = None,
    seeds: int = 3,
    search: str = "grid",
    time_budget: float = 5400.0,
    n_jobs: int | None = None,
    candidates: int | None = None,
    quick: bool = False,
    verbose: bool = True,
) -> Comparison:
    """Compare a CNN, HOG + SVC and CNN features + SVC, and write a report.

    Each is tuned by cross-validation on the same folds, then trained on all the training images
    and, several times, on growing parts of them. What is finished is kept in `out`: a run that
    was stopped and is started again with the same settings goes on from there.

    Parameters
    ----------
    data : {"digits", "mnist"}, path-like, or four arrays, default="digits"
        scikit-learn's digits; MNIST (downloaded once); a folder with four IDX files named as
        MNIST's; or ``(X_train, y_train, X_test, y_test)``.
    out : path-like, default="skcnn-compare"
        Folder of the report; made if needed.
    train_size : int, default=None
        Use only this many training images, with every class in proportion. None: all.
    seeds : int, default=3
        Repetitions of the learning curves; the seeds are 0, 1, ...
    search : {"grid", "halving"}, default="grid"
        `GridSearchCV` or `HalvingGridSearchCV`.
    time_budget : float, default=5400
        Seconds that the run should take. What does not fit (candidates of the search, points of
        the learning curves) is left out, and the report says so; what has begun is finished. A
        search that ran out of time is taken up again only with another budget.
    n_jobs : int, default=None
        Cores to use. None or -1: all that this process may use.
    candidates : int, default=None
        Most settings that are tried of each contender's grid, those nearest its defaults. None:
        10 (20 of HOG + SVC, whose fits are quicker) where there are at most 5,000 training
        images, otherwise all.
    quick : bool, default=False
        A small search and few points, to see how it works.
    verbose : bool, default=True
        Progress on standard error.

    Returns
    -------
    comparison : Comparison

    Raises
    ------
    ValueError
        If a setting makes no sense, or there are too few images.
    ImportError
        Without matplotlib: ``pip install "skcnn[plot]"``.
    KeyboardInterrupt
        On Ctrl-C; what is finished is kept.

    Examples
    --------
    >>> from skcnn.study.comparison import run
    >>> comparison = run("digits", out="my-comparison")  # doctest: +SKIP
    >>> comparison.results["final"]["cnn"]["test_error"]  # doctest: +SKIP
    0.0117
    """
    settings = Settings(
        data, Path(out), train_size, seeds, search, time_budget, n_jobs, quick, candidates
    )
    pyplot("skcnn.study.comparison")  # better missed now than at the end
    reporter, budget = Reporter(verbose), Budget(time_budget)
    images = compare_data.load(settings)
    reporter.line(
        f"{images.name}: {len(images.y_train):,} training and {len(images.y_test):,} test images; "
        f"{settings.workers} cores; results go to {settings.out}"
    )
    store = Store(settings.out / "parts", {"data": images.fingerprint, **versions()})
    with InterruptWatch() as watch:
        try:
            results, models = _figures(images, settings, budget, store, reporter, watch)
            drawn = draw_all(results, models, images, settings.out / "pictures", reporter)
        except KeyboardInterrupt:
            reporter.line(f"Stopped. Finished parts are in {store.folder}; run again to go on.")
            raise
    report = settings.out / "report.html"
    results["environment"]["seconds"] = budget.spent
    write_tables(results, images.y_test, settings.out)
    write_text(report, write_report(results, drawn))
    reporter.line(f"Done: {report}")
    return Comparison(report, results, models)


def _figures(
    images: compare_data.Images,
    settings: Settings,
    budget: Budget,
    store: Store,
    reporter: Reporter,
    watch: InterruptWatch,
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Everything that is measured, and what it says together."""
    common = {"settings": settings, "store": store, "reporter": reporter, "watch": watch}
    found, params = {}, {}
    order = compare_data.nested_order(images.y_train, seed=0)[: settings.search_size]
    # A new folder for each run: after a stop, a network that was cut short may lie in the old one.
    with tempfile.TemporaryDirectory(
        prefix="cache-", dir=settings.out, ignore_cleanup_errors=True
    ) as cache:
        for key in CONTENDERS:
            found[key] = search(
                key,
                params["cnn"] if key == "cnn_svc" else fixed_settings(key, settings.quick),
                grid_of(key, images, settings.quick),
                images.X_train[order],
                images.y_train[order],
                budget=budget.part(SEARCH_SHARE),
                memory=joblib.Memory(cache, verbose=0),
                **common,
            )
            params[key] = found[key].best

    finals, models = {}, {}
    with reporter.stage("Final fits", len(CONTENDERS)) as stage:
        for key in CONTENDERS:
            finals[key], models[key] = _final(key, params[key], images, settings, store, watch)
            stage.advance(f"{CONTENDERS[key].name}: {finals[key]['test_error']:.2%} test error")
    curves, skipped = learning_curves(params, images, finals, budget=budget, **common)

    used, left_out = compare_data.subset_sizes(images.y_train, settings.shares)
    final = summary.with_intervals(finals, images.y_test)
    results = {
        "data": {
            "name": images.name,
            "source": images.source,
            "train_images": len(images.y_train),
            "test_images": len(images.y_test),
            "image_shape": images.image_shape,
            "classes": images.classes.tolist(),
            "is_mnist": images.is_mnist,
            "is_full_mnist": images.is_mnist and len(images.y_train) == 60_000,
        },
        "settings": {
            "seeds": settings.seed_list,
            "shares_used": [share for share, _ in used],
            "search": settings.search,
            "time_budget": settings.time_budget,
            "quick": settings.quick,
            "train_error_images": min(settings.train_error_size, len(images.y_train)),
        },
        "environment": {
            "date": datetime.date.today().isoformat(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": settings.workers,
            **versions(),
        },
        "command": reproducing_command(settings, "compare"),
        "params": params,
        "search": {
            key: {
                "rows": f.rows,
                "total": f.total,
                "images": f.images,
                "folds": f.folds,
                "epochs": f.epochs,
            }
            for key, f in found.items()
        },
        "final": final,
        "pairs": summary.pairs(final, images.y_test),
        "shared_mistakes": summary.shared_mistakes(final, images.y_test),
        "curves": curves,
        "by_share": summary.by_share(curves),
        "crossings": summary.crossing_points(curves),
        "left_out": left_out,
        "skipped": skipped,
    }
    results["conclusions"] = conclude(results)
    return results, models


def _final(
    key: str,
    params: dict[str, Any],
    images: compare_data.Images,
    settings: Settings,
    store: Store,
    watch: InterruptWatch,
) -> tuple[dict[str, Any], Path]:
    """The fit on all training images, and where its fitted pipeline is."""
    identity = {
        "contender": key,
        "params": params,
        "images": len(images.y_train),
        "workers": settings.workers,
    }
    model = store.path(f"model_{key}", identity, ".joblib")
    if not model.exists():  # without its model, a finished fit is of no use
        store.path("final", identity).unlink(missing_ok=True)
    result = part(
        store,
        "final",
        identity,
        watch,
        lambda: measure_alone(
            build(key, params, seed=0, n_jobs=settings.workers),
            images.X_train,
            images.y_train,
            images.X_test,
            images.y_test,
            settings.train_error_size,
            model,
        ),
    )
    public = settings.out / "models" / f"{key}.joblib"
    public.parent.mkdir(exist_ok=True)
    public.unlink(missing_ok=True)
    try:
        os.link(model, public)  # the same file under two names: an SVC's may be large
    except OSError:
        shutil.copyfile(model, public)
    return result, public
