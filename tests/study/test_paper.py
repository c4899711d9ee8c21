"""The paper rerun: its settings, its numbers, the runs, the verdicts, the report."""

import csv
import os
import pickle
import signal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skcnn.__main__ import main
from skcnn.study import published
from skcnn.study.data import Images
from skcnn.study.paper2014 import execute as execution
from skcnn.study.paper2014 import fits, paper_classifier, run, today_classifier
from skcnn.study.paper2014.experiments import (
    EXPERIMENTS,
    PROTOCOLS,
    CNNRun,
    HOGRun,
    Scope,
    TimingRun,
    resolve,
)
from skcnn.study.paper2014.report import _nearest
from skcnn.study.paper2014.settings import NETWORK, paper_momentum, paper_pixels, paper_rate
from skcnn.study.paper2014.tables import curve, make_tables, neighbour_correlation, paper_rows
from skcnn.study.progress import Reporter
from skcnn.study.store import InterruptWatch, Store


@pytest.fixture(scope="module")
def few():
    """200 training and 100 test digits."""
    from skcnn.datasets import load_digits_images

    X, y = load_digits_images()
    return Images("few", "A few digits.", X[:200], y[:200], X[200:300], y[200:300])


def test_settings_are_the_papers():
    net = paper_classifier().get_params()
    expected = {
        "n_filters": 64,
        "filter_size": 13,
        "padding": "valid",
        "pool_regions": 2,
        "pooling": "mean",
        "hidden_layer_sizes": (),
        "activation": "sigmoid",
        "output_activation": "softmax",
        "dropout": 0,
        "weight_init": "uniform",
        "solver": "sgd",
        "nesterovs_momentum": False,
        "alpha": 0,
        "batch_size": 256,
        "shuffle": "replacement",
        "standardize": False,
        "augment": None,
        "early_stopping": False,
    }
    assert {name: net[name] for name in expected} == expected
    assert [net["learning_rate"](i) for i in (0, 150, 1180)] == [1.0, 0.5, 150 / 1330]
    assert [net["momentum"](i) for i in (0, 19, 20, 1180)] == [0.5, 0.5, 0.9, 0.9]
    assert_allclose(paper_pixels(np.array([0, 255], np.uint8)), [0, 255 / 256])


def test_network_of_the_paper_has_its_size():
    X = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)
    y = np.arange(40) % 10
    net = paper_classifier(max_iter=1, random_state=0).fit(paper_pixels(X), y)
    assert net.network_.parameters.size == 64 * 13 * 13 + 64 + 256 * 10 + 10
    assert net.transform(paper_pixels(X[:1])).shape == (1, 256)
    assert abs(net.filters_).max() > 0.9  # U[-1, 1), not Glorot's


def test_classifiers_can_be_changed_cloned_and_pickled():
    for make in (paper_classifier, today_classifier):
        net = make(hidden_layer_sizes=(10,), filter_size=9)
        assert net.hidden_layer_sizes == (10,)
        assert {k: v for k, v in net.get_params().items() if k in NETWORK} == {
            **NETWORK,
            "hidden_layer_sizes": (10,),
            "filter_size": 9,
        }
        for copy in (clone(net), pickle.loads(pickle.dumps(net))):
            assert copy.get_params() == net.get_params()
        with pytest.raises(TypeError, match="filter_sizes"):
            make(filter_sizes=3)
    assert pickle.loads(pickle.dumps(paper_rate)) is paper_rate
    assert pickle.loads(pickle.dumps(paper_momentum)) is paper_momentum


def test_published_values_are_complete():
    scope = Scope()
    for name, experiment in EXPERIMENTS.items():
        xs = {p.x for p in experiment(scope) if p.series in PROTOCOLS}
        paper = {row["x"] for row in paper_rows(name)}
        if name in ("fig8", "fig9", "fig10"):
            continue
        assert xs == paper, name
    assert len(published.HEATMAP_REGIONS_SIZES) == len(published.HEATMAP_SIZES_FILTERS) == 42
    assert published.HEATMAP_REGIONS_SIZES[5, 5] == (49.7, 62.4)
    assert published.HEATMAP_SIZES_FILTERS[17, 256] == (24.9, 24.0)
    assert len(published.FIG10_TEST) == 11
    assert min(published.TABLE2.values()) == 1.73
    for errors in (published.FIG8_TRAIN, published.FIG8_TEST):
        assert list(errors) == [0.25, 0.5, 1, 2, 3, 4, 5, 6, 6.75]


def test_experiments_share_their_runs_and_fit_other_images():
    points = [p for make in EXPERIMENTS.values() for p in make(Scope())]
    default = CNNRun(curve=True)
    of = {p.experiment for p in points if p.run == default}
    assert of == {"table2", "fig2", "fig4", "fig6", "sec5.5", "fig8", "fig9", "reasons"}
    curves = {p.run for p in points if isinstance(p.run, CNNRun) and p.run.curve}
    assert {run.protocol for run in curves} == set(PROTOCOLS)
    assert len(curves) == 2
    assert default.iterations == 1181
    assert {p.run.iterations for p in points if p.experiment == "heatmap1"} == {354}
    small = [p for make in EXPERIMENTS.values() for p in make(Scope(side=8, quick=True, seeds=2))]
    for point in small:
        if isinstance(point.run, CNNRun):
            assert point.run.filter_size <= 5
            assert point.run.filter_size + point.run.pool_regions <= 9
            assert point.run.iterations in (5, 10, 11, 35, 71)
    assert {p.run.seed for p in small if not isinstance(p.run, TimingRun)} == {0, 1}


def test_names_of_experiments():
    assert resolve(["all"]) == list(EXPERIMENTS)
    assert resolve(["fig3", "heatmaps", "fig2"]) == ["fig2", "heatmap1", "heatmap2"]
    with pytest.raises(ValueError, match="no experiment 'fig12'; expected some of: table2"):
        resolve(["fig12"])


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "last commit"])
def test_training_counts_iterations_and_is_reproducible(few, protocol):
    small = CNNRun(protocol, 3, 4, 2, (), iterations=35, curve=True)
    result = fits.train(small, few, checkpoints=(4, 31))
    assert result["images"] == 35 * 256
    assert [at for at, *_ in result["curve"]] == [4, 31, 35]
    assert result["curve"][-1][1:3] == [result["train_error"], result["test_error"]]
    assert np.shape(result["filters"]) == (4, 3, 3, 1)
    assert result["parameters"] == 4 * 10 + (4 * 4 + 1) * 10
    again = fits.train(small, few)
    assert again["filters"] == result["filters"]  # looking at errors changes nothing
    other = fits.train(CNNRun(protocol, 3, 4, 2, (), iterations=35, curve=True, seed=1), few)
    assert other["filters"] != result["filters"]


def test_published_run_is_the_classifiers_own_training(few):
    """The mini-batches drawn here and those that `fit` would be given: the same steps."""
    order = fits.nested_order(few.y_train, 0)
    drawn = fits._with_replacement(order, 512, np.random.default_rng([0, 2014]))
    net = paper_classifier(filter_size=3, n_filters=4, shuffle=False, random_state=0, max_iter=1)
    net.fit(paper_pixels(few.X_train[drawn], few.X_train.max()), few.y_train[drawn])
    result = fits.train(CNNRun("published", 3, 4, iterations=2, curve=True), few)
    assert_array_equal(result["filters"], net.filters_.astype(float).round(5))


def test_reasons_change_the_training_and_nothing_else(few):
    of = {(p.series, p.x): p.run for p in EXPERIMENTS["reasons"](Scope())}
    assert of["longer", "10"].iterations == 2 * of["published", "10"].iterations == 2362
    assert of["last commit", "gradient descent"].iterations == 5
    published_net, commit = (
        fits.classifier(of[series, "sigmoid"], 10, 1).get_params()
        for series in ("published", "last commit")
    )
    changed = {name for name in commit if commit[name] != published_net[name]}
    assert changed == {"learning_rate", "momentum"}
    assert [commit["learning_rate"](i) for i in (0, 1130)] == [0.1, 5 / 1180]
    assert commit["momentum"] == 0.95


def test_full_batch_uses_all_images_in_each_step(few):
    for protocol in PROTOCOLS:
        descent = CNNRun(protocol, 3, 4, full_batch=True, iterations=5)
        assert fits.train(descent, few)["images"] == 5 * 200
        assert fits.classifier(descent, 10, 1).solver == "gd"


def test_epochs_take_every_image_before_one_comes_again():
    order = np.array([3, 5, 8])
    drawn = fits._epochs(order, 7, np.random.default_rng(0))
    assert sorted(drawn[:3]) == sorted(drawn[3:6]) == [3, 5, 8]
    assert len(drawn) == 7


def test_interrupted_training_is_no_result(few, monkeypatch):
    partial_fit, calls = fits.ConvNetClassifier.partial_fit, []

    def interrupted(net, X, y, **settings):  # which keeps what was learned
        calls.append(len(X))
        n = 7 if len(calls) == 2 else len(X)
        return partial_fit(net, X[:n], y[:n], **settings)

    monkeypatch.setattr(fits.ConvNetClassifier, "partial_fit", interrupted)
    with pytest.raises(fits.CutShortError, match="Training ended after 7,687 of 8,192 images"):
        fits.train(CNNRun("published", 3, 4, iterations=32), few)


def _alone(folder):
    """For `execute`: one process, silent."""
    silent = Reporter(False)
    return {
        "workers": 1,
        "scratch": folder / "cache",
        "reporter": silent,
        "watch": InterruptWatch(),
    }


def test_runs_are_kept_and_not_made_again(few, tmp_path, monkeypatch):
    runs = [
        CNNRun("today", 3, 4, iterations=2),
        HOGRun("HOG of 2014", 100),
        HOGRun("HOG tuned", 50),
        TimingRun(3, 4, 2, ()),
    ]
    settings = _alone(tmp_path)
    first = execution.execute(runs * 2, few, Store(tmp_path / "parts", {}), **settings)
    assert set(first) == set(runs)
    assert not (tmp_path / "cache").exists()
    made = []
    monkeypatch.setattr(execution.fits, "train", lambda r, *_: made.append(r) or {"test_error": 0})
    for name in ("hog_svc", "hog_features", "time_iteration"):
        monkeypatch.delattr(execution.fits, name)
    more = CNNRun("today", 3, 4, iterations=2, seed=1)
    second = execution.execute([*runs, more], few, Store(tmp_path / "parts", {}), **settings)
    assert made == [more]
    assert second == {**first, more: {"test_error": 0}}


def test_what_ctrl_c_cut_short_is_not_kept(few, tmp_path, monkeypatch, capsys):
    """In this process, a fit that swallowed it; in a worker, a training that ended early."""
    store = Store(tmp_path / "parts", {})

    def swallow(*_):
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        return {"seconds_per_iteration": 1.0}

    monkeypatch.setattr(fits, "time_iteration", swallow)
    with InterruptWatch() as watch, pytest.raises(KeyboardInterrupt):
        execution.execute(
            [TimingRun(3, 4, 2, ())], few, store, **{**_alone(tmp_path), "watch": watch}
        )
    assert not list((tmp_path / "parts").iterdir())

    def end_early(*_):
        raise fits.CutShortError("Training ended after 7 of 8 images.")

    monkeypatch.setattr(fits, "train", end_early)
    data = (few.X_train, few.y_train, few.X_test, few.y_test)
    with pytest.raises(KeyboardInterrupt):
        run(["fig9"], data=data, out=tmp_path, quick=True, n_jobs=1)
    assert "run again to go on" in capsys.readouterr().err


def test_short_runs_as_published_are_taken_from_long_ones(few, tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "THREE_HOURS", 3)
    settings = _alone(tmp_path)
    runs = [CNNRun(p, 3, 4, iterations=n) for p in PROTOCOLS for n in (3, 9)]
    train, made = fits.train, []
    monkeypatch.setattr(execution.fits, "train", lambda r, *a: made.append(r) or train(r, *a))
    results = execution.execute(runs, few, Store(tmp_path / "parts", {}), **settings)
    assert set(made) == set(runs[1:])  # today's schedule depends on the end
    alone = train(runs[0], few)
    for name in ("train_error", "test_error", "images", "parameters"):
        assert results[runs[0]][name] == alone[name]


def test_a_run_that_was_stopped_goes_on(few, tmp_path, monkeypatch):
    runs = [CNNRun("today", 3, n, iterations=2) for n in (4, 3, 2)]
    settings = _alone(tmp_path)
    train, made = fits.train, []

    def until_stopped(run, *rest):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(run)
        return train(run, *rest)

    monkeypatch.setattr(execution.fits, "train", until_stopped)
    with pytest.raises(KeyboardInterrupt):
        execution.execute(runs, few, Store(tmp_path / "parts", {}), **settings)
    later = []
    monkeypatch.setattr(execution.fits, "train", lambda r, *a: later.append(r) or train(r, *a))
    assert set(execution.execute(runs, few, Store(tmp_path / "parts", {}), **settings)) == set(runs)
    assert sorted(made + later, key=repr) == sorted(runs, key=repr)
    assert len(later) == 2


def test_whole_report(tmp_path, capsys, few):
    """Every experiment, by two processes, on few images; then again, from what is kept."""
    data = (few.X_train, few.y_train, few.X_test, few.y_test)
    rerun = run(["all"], data=data, out=tmp_path, quick=True, n_jobs=2)
    page = rerun.report.read_text(encoding="utf-8")
    assert "quick run" in page
    assert "mean nothing" in page
    assert page.count("data:image/png;base64,") == 11
    assert "src='http" not in page
    assert "Nearest to the paper's number" not in page  # these are other images
    assert "Nearest to the paper's number: no hidden layer: " in _nearest(rerun.tables["reasons"])
    assert "nan" not in page.lower().split("base64", 1)[0]
    for name in ("Table 2", "Figs. 4 and 5", "Section 5.5", "Fig. 8", "Figs. 10 and 11"):
        assert name in page
    assert set(rerun.tables) == set(EXPERIMENTS)
    judged = {verdict.experiment for verdict in rerun.verdicts}
    assert judged == set(EXPERIMENTS) - {"reasons"}  # these are no claims of the paper
    for experiment, rows in rerun.tables.items():
        with (tmp_path / "tables" / f"{experiment}.csv").open() as file:
            assert len(list(csv.reader(file))) == len(rows) + 1
    assert " 0 of them kept from before" in capsys.readouterr().err
    again = run(["table2", "fig10"], data=data, out=tmp_path, quick=True, n_jobs=2)
    assert "to do: 0 networks, 0 HOG + SVC, 0 timings" in capsys.readouterr().err
    assert again.tables == {name: rerun.tables[name] for name in ("table2", "fig10")}


def test_command(tmp_path, capsys):
    assert main(["paper", "fig12", "--out", str(tmp_path)]) == 2
    assert "no experiment 'fig12'" in capsys.readouterr().err
    assert main(["paper", "table2", "--data", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
    arguments = ["fig9", "--data", "digits", "--quick", "--quiet", "--out", str(tmp_path)]
    assert main(["paper", *arguments]) == 0
    printed = capsys.readouterr()
    assert "fig9: The filters come to recognise" in printed.out
    assert printed.err == ""


def test_tables_average_over_seeds():
    points = EXPERIMENTS["fig6"](Scope(seeds=2))
    results = {
        p.run: {"seconds_per_iteration": 0.1}
        if p.series == "seconds"
        else {"test_error": 2.0 + 2 * p.run.seed, "train_error": 1.0, "fit_seconds": 5.0}
        for p in points
    }
    rows = make_tables(points, results)["fig6"]
    assert curve(rows, "paper") == published.FIG6
    assert curve(rows, "published") == dict.fromkeys(published.FIG6, 3.0)
    assert_allclose(list(curve(rows, "today", "test_error_sd").values()), np.sqrt(2))
    assert set(curve(rows, "published", "seconds_per_iteration").values()) == {0.1}


def test_neighbour_correlation_tells_shapes_from_noise():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(64, 13, 13, 1))
    assert abs(neighbour_correlation(noise)) < 0.05
    smooth = sum(np.roll(noise, shift, axis) for shift in (0, 1, 2) for axis in (1, 2))
    assert 0.3 < neighbour_correlation(smooth) < 0.5
