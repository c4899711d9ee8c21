"""The searches of a comparison: mistakes in cross-validation, rounds of a halving search."""

import itertools
import re
from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.made_up import CONTENDERS, made_up
from numpy.testing import assert_allclose

pytest.importorskip("matplotlib")

from skcnn.study.comparison import search
from skcnn.study.comparison.contenders import build, grid_of
from skcnn.study.comparison.figures import search_errors
from skcnn.study.comparison.measured import Candidate, Search
from skcnn.study.comparison.report import write_report
from skcnn.study.comparison.settings import Budget, Settings
from skcnn.study.progress import Reporter
from skcnn.study.provenance import Environment
from skcnn.study.store import Session


def task(X, y, n_candidates):
    images = SimpleNamespace(X_train=X, y_train=y, image_shape=(8, 8, 1))
    return search._Task(
        pipeline=build("pixels_svc", {}, seed=0, n_jobs=1),
        candidates=search.order_candidates(grid_of("pixels_svc", images))[:n_candidates],
        X=X,
        y=y,
        folds=3,
        identity={"contender": "pixels_svc"},
    )


def test_equal_numbers_of_mistakes_in_cross_validation_are_ties():
    """Although the folds differ in size, and the mean of their errors is rounded."""
    y = np.repeat([0, 1], 25)
    one = task(np.zeros((len(y), 8, 8)), y, 1)
    sizes = [len(held_out) for _, held_out in one._split().split(one.X, y)]
    assert len(set(sizes)) > 1
    found = set()
    for wrong in itertools.permutations((1, 2, 4)):
        rows = {f"split{i}_test_score": [1 - n / sizes[i]] for i, n in enumerate(wrong)}
        others = ("std_test_score", "mean_fit_time", "mean_score_time")
        rows |= {key: [1.0] for key in others}
        found.add(one.scores(SimpleNamespace(cv_results_=rows), 0, len(y)))
    (scores,) = found
    assert (scores.wrong, scores.tested, scores.error) == (7, 50, 0.14)
    assert scores.total_seconds == 3.0


@pytest.fixture
def halving(digits, tmp_path, monkeypatch):
    """A halving search of nine candidates in three rounds: their scores, and what it measured."""
    made, fit = [], search._Task.fit

    def keep(*arguments, **settings):
        made.append(fit(*arguments, **settings))
        return made[-1]

    monkeypatch.setattr(search._Task, "fit", keep)
    X, y = digits
    chosen = np.flatnonzero(y < 3)[:180]
    one = task(X[chosen], y[chosen], 9)
    session = Session(tmp_path, {}, Reporter(False), lambda: None, workers=1)
    scores = search._halving_search(one, 1e9, Budget(1e9), session)
    assert search._halving_search(one, 1e9, Budget(1e9), session) == scores  # as stored
    return scores, made[-1].cv_results_


def test_the_time_of_a_halving_search_includes_all_rounds(halving):
    scores, measured = halving
    rows = [Candidate(**vars(s), params={}, order=order) for order, s in scores.items()]
    found = Search(rows, 9, 180, 3, 1)
    assert found.sizes == [120, 40, 14]
    assert len(measured["params"]) == 9 + 3 + 1
    assert found.seconds == pytest.approx(3 * measured["mean_fit_time"].sum())


def test_the_mistakes_of_a_halving_search_are_those_of_its_folds(halving):
    scores, measured = halving
    sizes = np.array([n - n // 3 for n in measured["n_resources"].tolist()])
    accuracies = np.stack([measured[f"split{fold}_test_score"] for fold in range(3)], axis=1)
    for s in scores.values():
        wrong = (1 - accuracies[sizes == s.images]) * s.tested / 3  # the folds are equally large
        assert_allclose(wrong, wrong.round(), atol=1e-9)
        assert s.wrong in wrong.sum(axis=1).round()
    assert {(s.images, s.tested) for s in scores.values()} == {(120, 180), (40, 60), (14, 18)}


def made_up_search(sizes):
    """The searches with candidates of these mistakes and numbers of images, in their order."""
    rows = [
        Candidate(wrong, 100, 0.01, 1.0, 1.0, images, 3.0, {"svc__C": order}, order)
        for order, (wrong, images) in enumerate(sizes)
    ]
    return {key: Search(rows, 4, 1000, 3, 15) for key in CONTENDERS}


def test_the_report_tells_the_rounds_of_a_halving_search(tmp_path, monkeypatch):
    monkeypatch.setattr(Settings, "contenders", CONTENDERS)
    (tmp_path / "a.png").write_bytes(b"pixels")
    figures = defaultdict(lambda: tmp_path / "a.png")
    rounds = made_up_search([(3, 798), (2, 266), (9, 266), (5, 89)])
    results = made_up(cnn=((0.22,) * 3, (0.04,) * 3), hog=((0.3,) * 3,) * 2)
    results = replace(
        results,
        search=rounds,
        settings=replace(results.settings, search="halving"),
        environment=Environment("2000-01-01", "none", 1, {"skcnn": "0"}),
    )

    def caption_and_table(results):
        html = write_report(results, ["."], figures)
        assert "± 0.00" not in html  # of errors that are the same for all seeds
        (caption,) = re.findall(r"<figcaption>(.*?Cross-validated errors.*?)</figcaption>", html)
        (table,) = re.findall(r"(?s)<table>(?:(?!<table>).)*best settings of.*?</table>", html)
        return caption, [re.sub("<.*?>", "", cell) for cell in re.findall("<td.*?</td>", table)]

    caption, cells = caption_and_table(results)
    assert "that were tried, in ascending order" not in caption
    assert "those of the last round first" in caption
    assert "Training images per fit, last round first: 798, 266 and 89. The" in caption
    assert cells[2:20:5] == ["798", "266", "266", "89"]
    fewer = {"hog_svc": made_up_search([(2, 266), (3, 89)])["hog_svc"]}
    caption, _ = caption_and_table(replace(results, search=rounds | fewer))
    assert "first: CNN: 798, 266 and 89; HOG + SVC: 266 and 89; CNN features" in caption
    grid = replace(
        results,
        settings=replace(results.settings, search="grid"),
        search=made_up_search([(2, 798), (3, 798)]),
    )
    caption, cells = caption_and_table(grid)
    assert "that were tried, in ascending order. Bars" in caption
    assert "round" not in caption
    assert cells[2:10:5] == ["798", "798"]


def test_earlier_rounds_have_hollow_markers():
    figure = search_errors(made_up_search([(3, 798), (2, 266), (9, 266), (5, 89)]))
    for panel in figure.axes:
        shown = [(line.get_xdata().tolist(), line.get_markerfacecolor()) for line in panel.lines]
        assert [x for x, _ in shown] == [[1], [2, 3], [4]]
        assert [colour == "white" for _, colour in shown] == [False, True, True]
