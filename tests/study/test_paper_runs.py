"""The runs of the paper: their training, and that each is made once and stored."""

import os
import signal

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skcnn.study.paper2014 import paper_classifier, run, runner, runs
from skcnn.study.paper2014.experiments import COMPARED, Point, list_points
from skcnn.study.paper2014.runs import (
    HOG_2014,
    HOG_TUNED,
    CNNRun,
    FitResult,
    HOGRun,
    TimingResult,
    TimingRun,
)
from skcnn.study.paper2014.settings import paper_pixels
from skcnn.study.paper2014.tables import make_table
from skcnn.study.progress import Reporter
from skcnn.study.store import Session, remember_interrupts


@pytest.mark.parametrize("protocol", [*COMPARED, "last commit"])
def test_training_counts_iterations_and_is_reproducible(few, protocol):
    small = CNNRun(protocol, 3, 4, 2, (), iterations=35, curve=True)
    result = runs.train(small, few, checkpoints=(4, 31))
    assert result.images == 35 * 256
    assert [point.iteration for point in result.curve] == [4, 31, 35]
    last = result.curve[-1]
    assert (last.train_error, last.test_error) == (result.train_error, result.test_error)
    assert np.shape(result.filters) == (4, 3, 3, 1)
    assert result.parameters == 4 * 10 + (4 * 4 + 1) * 10
    again = runs.train(small, few)
    assert again.filters == result.filters  # the measurement of errors changes nothing
    other = runs.train(CNNRun(protocol, 3, 4, 2, (), iterations=35, curve=True, seed=1), few)
    assert other.filters != result.filters


def test_published_run_is_the_classifiers_own_training(few):
    """`fit` makes the same steps when it is given the mini-batches that the run draws."""
    order = runs.training_order(few, 100, 0)
    drawn = runs._draw_with_replacement(order, 512, np.random.default_rng([0, 2014]))
    net = paper_classifier(filter_size=3, n_filters=4, shuffle=False, random_state=0, max_iter=1)
    net.fit(paper_pixels(few.X_train[drawn], few.X_train.max()), few.y_train[drawn])
    result = runs.train(CNNRun("published", 3, 4, iterations=2, curve=True), few)
    assert_array_equal(result.filters, net.filters_.astype(float).round(5))


def test_reasons_change_the_training_and_nothing_else(few):
    of = {(point.series, point.x): point.run for point in list_points("reasons")}
    assert of["longer", "10"].iterations == 2 * of["published", "10"].iterations == 2362
    assert of["last commit", "gradient descent"].iterations == 5
    published_net, commit = (
        runs.classifier(of[series, "sigmoid"], 1).get_params()
        for series in ("published", "last commit")
    )
    changed = {name for name in commit if commit[name] != published_net[name]}
    assert changed == {"learning_rate", "momentum"}
    assert [commit["learning_rate"](i) for i in (0, 1130)] == [0.1, 5 / 1180]
    assert commit["momentum"] == 0.95


def test_full_batch_uses_all_images_in_each_step(few):
    for protocol in COMPARED:
        descent = CNNRun(protocol, 3, 4, full_batch=True, iterations=5)
        assert runs.train(descent, few).images == 5 * 200
        assert runs.classifier(descent, 1).solver == "gd"


def test_epochs_use_every_image_once_before_any_is_repeated():
    order = np.array([3, 5, 8])
    drawn = runs._draw_epochs(order, 7, np.random.default_rng(0))
    assert sorted(drawn[:3]) == sorted(drawn[3:6]) == [3, 5, 8]
    assert len(drawn) == 7


@pytest.mark.parametrize("share", [5, 50])
def test_training_errors_of_small_shares_have_their_number_of_images(few, share, monkeypatch):
    """10 and 100 training images; at most 50 are tested, of the tuned SVC here at most 20."""
    monkeypatch.setattr(runs, "TUNED_TRAIN_ERROR_IMAGES", 20)
    features = tuple(X.reshape(len(X), -1) for X in (few.X_train, few.X_test))
    n = 2 * share
    found = {
        runs.train(CNNRun("today", 3, 2, iterations=1, share=share), few): min(n, 50),
        runs.fit_svc(HOGRun(HOG_2014, share), features, few): min(n, 50),
        runs.fit_svc(HOGRun(HOG_TUNED, share), features, few): min(n, 20),
    }
    for result, expected in found.items():
        assert result.train_tested == expected
        assert result.tested == 100
        assert 0 <= result.train_wrong <= expected
    points = [Point("today", share, run) for run in (CNNRun("today", share=share),)]
    (network, *_) = found
    row = make_table("fig11", points, {points[0].run: network})[-1]
    assert row.train_images == min(n, 50)


def test_interrupted_training_is_no_result(few, monkeypatch):
    partial_fit, calls = runs.ConvNetClassifier.partial_fit, []

    def interrupted(net, X, y, **settings):  # as on Ctrl-C: it keeps the weights so far
        calls.append(len(X))
        n = 7 if len(calls) == 2 else len(X)
        return partial_fit(net, X[:n], y[:n], **settings)

    monkeypatch.setattr(runs.ConvNetClassifier, "partial_fit", interrupted)
    ended = "Training ended after 7,687 of 8,192 images"
    with pytest.raises(KeyboardInterrupt, match=ended):
        runs.train(CNNRun("published", 3, 4, iterations=32), few)


def _execute(wanted, images, folder, check=lambda: None):
    """In one process, silently, with results stored in the folder."""
    (folder / "parts").mkdir(exist_ok=True)
    session = Session(folder / "parts", {}, Reporter(False), check, workers=1)
    return runner.execute(wanted, images, session)


RESULT = FitResult(2, 100, 1, 100, fit_seconds=3.0, images=4)


def test_runs_are_stored_and_not_repeated(few, tmp_path, monkeypatch):
    wanted = [
        CNNRun("today", 3, 4, iterations=2),
        HOGRun(HOG_2014, 100),
        HOGRun(HOG_TUNED, 50),
        TimingRun(3, 4, 2, ()),
    ]
    first = _execute(wanted * 2, few, tmp_path)
    assert set(first) == set(wanted)
    made = []
    monkeypatch.setattr(runs, "train", lambda run, *_: made.append(run) or RESULT)
    monkeypatch.delattr(runner, "hog_features")
    for name in ("fit_svc", "time_iteration"):
        monkeypatch.delattr(runs, name)
    more = CNNRun("today", 3, 4, iterations=2, seed=1)
    second = _execute([*wanted, more], few, tmp_path)
    assert made == [more]
    assert second == {**first, more: RESULT}


def test_results_of_an_interrupted_run_are_not_stored(few, tmp_path, monkeypatch, capsys):
    """In this process, a fit that catches Ctrl-C; in a worker, a training that ends early."""

    def catch(*_):
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        return TimingResult(1.0)

    monkeypatch.setattr(runs, "time_iteration", catch)
    with remember_interrupts() as check, pytest.raises(KeyboardInterrupt):
        _execute([TimingRun(3, 4, 2, ())], few, tmp_path, check)
    assert not list((tmp_path / "parts").iterdir())

    def end_early(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", end_early)
    data = (few.X_train, few.y_train, few.X_test, few.y_test)
    with pytest.raises(KeyboardInterrupt):
        run(["fig9"], data=data, out=tmp_path, quick=True, n_jobs=1)
    assert not list((tmp_path / "parts").glob("*.json"))
    assert "Run the same command again to continue" in capsys.readouterr().err


def test_an_interrupted_rerun_continues(few, tmp_path, monkeypatch):
    wanted = [CNNRun("today", 3, n, iterations=2) for n in (4, 3, 2)]
    train, made, later = runs.train, [], []

    def interrupted(run, *rest):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(run)
        return train(run, *rest)

    monkeypatch.setattr(runs, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _execute(wanted, few, tmp_path)
    monkeypatch.setattr(runs, "train", lambda run, *a: later.append(run) or train(run, *a))
    assert set(_execute(wanted, few, tmp_path)) == set(wanted)
    assert sorted(made + later, key=repr) == sorted(wanted, key=repr)
    assert len(later) == 2


def test_only_hog_runs_are_given_features(few, tmp_path, monkeypatch):
    given = {}

    def record(wanted, images, features, n_jobs):
        given[wanted[0].kind] = list(features)
        return [TimingResult(1.0) if isinstance(wanted[0], TimingRun) else RESULT]

    monkeypatch.setattr(runner, "make", record)
    wanted = [CNNRun("today", 3, 4), HOGRun(HOG_2014, 100), TimingRun(3, 4, 2, ())]
    assert set(_execute(wanted, few, tmp_path)) == set(wanted)
    assert given == {"network": [], "hog": [HOG_2014], "time": []}
