"""The rerun of the paper: its settings, its numbers, the report; its runs: `test_paper_runs`."""

import csv
import html
import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from skcnn.__main__ import main
from skcnn.study import published
from skcnn.study.paper2014 import paper_classifier, run, runs, today_classifier
from skcnn.study.paper2014.experiments import COMPARED, EXPERIMENTS, list_points, resolve
from skcnn.study.paper2014.report import closest_training
from skcnn.study.paper2014.runs import (
    HOG_2014,
    HOG_TUNED,
    CNNRun,
    FitResult,
    TimingResult,
    TimingRun,
)
from skcnn.study.paper2014.settings import NETWORK, paper_momentum, paper_pixels, paper_rate
from skcnn.study.paper2014.tables import curve, make_table, neighbour_correlation, paper_rows


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
    assert_allclose(paper_pixels(np.array([0, 128, 255], np.uint8)), [0, 0.5, 255 / 256])


def test_one_cycle_rises_and_falls_to_zero():
    rate = runs.classifier(CNNRun("today", iterations=25), 1).learning_rate  # 100 mini-batches
    assert rate(10) < rate(20) == 0.02
    assert rate(100) == 0.0


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
    for name in EXPERIMENTS.keys() - {"fig8", "fig9", "fig10"}:
        xs = {point.x for point in list_points(name) if point.series in COMPARED}
        assert xs == {row.x for row in paper_rows(name)}, name
    regions, filters = published.HEATMAP_REGIONS_SIZES, published.HEATMAP_SIZES_FILTERS
    for column in ("train_error", "test_error"):
        assert len(regions[column]) == len(filters[column]) == 42
    assert (regions["train_error"][5, 5], regions["test_error"][5, 5]) == (49.7, 62.4)
    assert (filters["train_error"][17, 256], filters["test_error"][17, 256]) == (24.9, 24.0)
    assert len(published.FIG10_TEST) == 11
    assert min(published.TABLE2.values()) == 1.73
    for errors in (published.FIG8_TRAIN, published.FIG8_TEST):
        assert list(errors) == [0.25, 0.5, 1, 2, 3, 4, 5, 6, 6.75]


def test_experiments_share_their_runs_and_fit_other_images():
    made = {name: [point.run for point in list_points(name)] for name in EXPERIMENTS}
    default = CNNRun(curve=True)
    assert {name for name, found in made.items() if default in found} == {
        "table2",
        "fig2",
        "fig4",
        "fig6",
        "sec5.5",
        "fig8",
        "fig9",
        "reasons",
    }
    nets = [net for found in made.values() for net in found if isinstance(net, CNNRun)]
    curves = {net for net in nets if net.curve}
    assert {net.protocol for net in curves} == set(COMPARED)
    assert len(curves) == 2
    assert default.iterations == 1181
    assert {net.iterations for net in made["heatmap1"]} == {354}
    small = [
        point.run for name in EXPERIMENTS for point in list_points(name, 8, seeds=2, quick=True)
    ]
    for net in small:
        if isinstance(net, CNNRun):
            assert net.filter_size <= 5
            assert net.filter_size + net.pool_regions <= 9
            assert net.iterations in (5, 10, 11, 35, 71)
    assert {one.seed for one in small if not isinstance(one, TimingRun)} == {0, 1}


def test_checkpoints():
    assert CNNRun().checkpoints() == []
    every = CNNRun(curve=True).checkpoints()
    assert every[:2] == [30, 59]
    assert len(every) == 39
    assert 354 in every  # three hours


def test_names_of_experiments():
    assert resolve(["all"]) == list(EXPERIMENTS)
    assert resolve(["fig3", "heatmaps", "fig2"]) == ["fig2", "heatmap1", "heatmap2"]
    with pytest.raises(ValueError, match="no experiment 'fig12'; expected some of: table2"):
        resolve(["fig12"])


def _read(report):
    """The page, with ordinary spaces in place of non-breaking ones."""
    return report.read_text(encoding="utf-8").replace("&nbsp;", " ").replace("\xa0", " ")


def _captions(page):
    """The captions of all figures and tables, except the table of settings."""
    captions = re.findall(r"<(?:fig)?caption>(.*?)</(?:fig)?caption>", page)
    return [caption for caption in captions if "</b> Training. Unless" not in caption]


def test_captions_state_the_seeds(few, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "train", lambda run, *_: FitResult(run.seed, 100, 1, 100, 3.0, 4))
    data = (few.X_train, few.y_train, few.X_test, few.y_test)
    names = ["sec5.5", "reasons"]
    rerun = run(names, data=data, out=tmp_path, seeds=2, n_jobs=1, verbose=False)
    captions = _captions(_read(rerun.report))
    assert len(captions) == 5
    expected = (
        "New values: 200 training images of own images, 2 seeds; error bars and ±: standard "
        "deviation over the seeds."
    )
    assert all(expected in caption for caption in captions)
    (verdicts,) = (caption for caption in captions if "Verdicts on" in caption)
    assert "the training images on which they are measured, at most 50)." in verdicts
    assert "estimated from 2 seeds" in verdicts


@pytest.mark.slow
def test_whole_report(tmp_path, capsys, few):
    """All experiments on few images in two processes; then some again, from stored results."""
    data = (few.X_train, few.y_train, few.X_test, few.y_test)
    rerun = run(["all"], data=data, out=tmp_path, quick=True, n_jobs=2)
    page = _read(rerun.report)
    assert "quick run" in page
    assert "mean nothing" in page
    assert page.count("data:image/png;base64,") == 11
    assert "src='http" not in page
    closest = "Closest to the paper's numbers: no hidden layer: "
    assert closest not in page  # these are other images
    assert closest in closest_training(rerun.tables["reasons"])
    assert "nan" not in page.lower().split("base64", 1)[0]
    for name in ("Table 2", "Figs. 4 and 5", "Section 5.5", "Fig. 8", "Figs. 10 and 11"):
        assert name in page
    assert set(rerun.tables) == set(EXPERIMENTS)
    judged = {verdict.experiment for verdict in rerun.verdicts}
    assert judged == set(EXPERIMENTS) - {"reasons"}  # which makes no claim
    for experiment, rows in rerun.tables.items():
        with (tmp_path / "tables" / f"{experiment}.csv").open() as file:
            assert len(list(csv.reader(file))) == len(rows) + 1
    captions = _captions(page)
    assert len(captions) == 21  # 11 figures, 10 tables
    assert all(
        "New values: 200 training images of own images, 1 seed; <b>quick run with 3 % of the "
        "iterations</b>." in caption
        for caption in captions
    )
    assert "With a single seed, the variation between training runs is not included." in page
    for verdict in rerun.verdicts:  # in the section of its experiment
        heading = html.escape(EXPERIMENTS[verdict.experiment].heading)
        section = page.split(f" {heading}</h2>")[1].split("<h2")[0]
        claim = f"<em>{html.escape(verdict.claim)}</em> As published: "
        line = section.split(claim)[1].split("</p>")[0]
        found = re.findall(r"<b style='color:#\w+'>[✓✗?] ([\w ]+)</b>", line)
        assert found == [verdict.published.status, verdict.today.status]
    progress = capsys.readouterr().err
    assert " 0 of them stored" in progress
    for variant in (HOG_2014, HOG_TUNED):
        assert f"Features of {variant}: " in progress
    again = run(["table2", "fig10"], data=data, out=tmp_path, quick=True, n_jobs=2)
    assert "; 0 to do" in capsys.readouterr().err
    assert again.tables == {name: rerun.tables[name] for name in ("table2", "fig10")}


def test_command(tmp_path, capsys):
    assert main(["paper", "fig12", "--out", str(tmp_path)]) == 2
    assert "no experiment 'fig12'" in capsys.readouterr().err
    assert main(["paper", "table2", "--data", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
    arguments = ["fig9", "--data", "digits", "--quick", "--quiet", "--out", str(tmp_path)]
    assert main(["paper", *arguments]) == 0
    printed = capsys.readouterr()
    assert "fig9: The filters learn to recognize" in printed.out
    assert printed.err == ""


def test_tables_have_means_over_seeds():
    points = list(list_points("fig6", seeds=2))
    results = {
        point.run: TimingResult(0.1)
        if point.series == "seconds"
        else FitResult(2 + 2 * point.run.seed, 100, 1, 50, fit_seconds=5.0, images=1)
        for point in points
    }
    rows = make_table("fig6", points, results)
    assert curve(rows, "paper") == published.FIG6
    assert curve(rows, "published") == dict.fromkeys(published.FIG6, 3.0)
    assert_allclose(list(curve(rows, "today", "test_error_sd").values()), np.sqrt(2))
    assert set(curve(rows, "published", "seconds_per_iteration").values()) == {0.1}


def test_tables_have_equal_means_of_equal_numbers_of_mistakes():
    """The means of rounded errors in percent would differ in their last digits."""
    by_seed = {"10": (26, 27, 28), "16": (27, 27, 27), "32": (30, 30, 21)}
    assert np.std([27 / 599] * 3) > 0
    points = [point for point in list_points("table2", seeds=3) if point.series != "seconds"]
    results = {
        point.run: FitResult(*[by_seed.get(point.x, (9, 9, 9))[point.run.seed], 599] * 2, 5.0, 1)
        for point in points
    }
    rows = make_table("table2", points, results)
    for column in ("test_error", "train_error"):
        errors = curve(rows, "today", column)
        assert errors["10"] == errors["16"] == errors["32"] == 2700 / 599
        assert curve(rows, "today", f"{column}_sd")["16"] == 0.0


def test_neighbour_correlation_tells_shapes_from_noise():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(64, 13, 13, 1))
    assert abs(neighbour_correlation(noise)) < 0.05
    smooth = sum(np.roll(noise, shift, axis) for shift in (0, 1, 2) for axis in (1, 2))
    assert 0.3 < neighbour_correlation(smooth) < 0.5
