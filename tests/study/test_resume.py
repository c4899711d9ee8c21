"""Resuming after a stop: damaged results, models that are gone, candidates out of order."""

import shutil
from dataclasses import asdict, dataclass

import joblib
import numpy as np
import pytest

pytest.importorskip("matplotlib")

from helpers.comparisons import SMALL

from skcnn.study.comparison import run, runner, search
from skcnn.study.comparison.measured import Scores
from skcnn.study.comparison.settings import Budget
from skcnn.study.progress import Reporter
from skcnn.study.store import Part, Session


@dataclass(frozen=True)
class Fields:
    number: int


def session(folder, workers=1):
    return Session(folder, {}, Reporter(verbose=False), lambda: None, workers)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"", b"{", b"[1]", b'{"other": 1}', b'{"value": {"unknown": 1}}']
)
def test_a_damaged_result_is_not_used(tmp_path, content):
    part = Part("kind", {"a": 1}, Fields)
    one = session(tmp_path)
    one.save(part, Fields(3))
    assert one.load(part) == Fields(3)
    one.path(part).write_bytes(content)
    assert one.load(part) is None


@pytest.mark.slow
def test_a_final_fit_whose_model_is_gone_is_made_again(small, tmp_path, monkeypatch):
    """If the second attempt is interrupted, no result remains without its model."""
    folder, first = small
    out = shutil.copytree(folder, tmp_path / "again")
    for model in [*out.glob("parts/*.joblib"), *out.glob("models/*.joblib")]:
        model.unlink()

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runner, "measure_alone", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("digits", out=out, verbose=False, **SMALL)
    assert len(list(out.glob("parts/final-*.json"))) == len(first.models) - 1
    second = run("digits", out=out, verbose=False, **SMALL)
    for key, model in second.models.items():
        assert joblib.load(model) is not None
        wrong = (first.results["final"][key]["wrong"], second.results["final"][key]["wrong"])
        assert wrong[0] == wrong[1]


class _Task:
    """Four candidates whose fits take no time."""

    identity = {"contender": "cnn"}  # noqa: RUF012
    candidates = [{"a": n} for n in range(4)]  # noqa: RUF012
    folds = 3


def test_an_ended_search_is_taken_up_with_exactly_its_candidates(tmp_path, monkeypatch):
    """Results can be stored out of order: 0, 1 and 3, when there was no time for 2."""
    one = session(tmp_path)
    scores = Scores(1, 10, 0.0, fit_seconds=1.0, score_seconds=1.0, images=10, total_seconds=3.0)
    for order in (0, 1, 3):
        identity = {**_Task.identity, "params": _Task.candidates[order]}
        one.save(Part("search", identity, Scores), scores)
    made = []
    monkeypatch.setattr(search, "_cross_validate", lambda task, orders: made.append(orders))
    for _ in range(2):
        rows = search._grid_search(_Task, 60.0, Budget(1e-9), one)
        assert sorted(rows) == [0, 1, 3]
    assert made == []
    assert asdict(rows[3]) == asdict(scores)


def test_the_time_of_a_candidate_includes_scoring(tmp_path, monkeypatch):
    """Three folds with a fit of one second and a prediction of nine do not fit into 20 seconds."""
    one = session(tmp_path)
    scores = Scores(1, 10, 0.0, fit_seconds=1.0, score_seconds=9.0, images=10, total_seconds=3.0)
    one.save(Part("search", {**_Task.identity, "params": _Task.candidates[0]}, Scores), scores)
    monkeypatch.setattr(search, "_cross_validate", lambda task, orders: [scores])
    assert sorted(search._grid_search(_Task, 60.0, Budget(20.0), one)) == [0]
    other = session(tmp_path / "other")
    other.folder.mkdir()
    other.save(Part("search", {**_Task.identity, "params": _Task.candidates[0]}, Scores), scores)
    assert sorted(search._grid_search(_Task, 60.0, Budget(60.0), other)) == [0, 1, 2, 3]


def test_a_halving_search_of_another_budget_is_made_anew(tmp_path):
    """The budget limits its candidates."""

    class Task(_Task):
        y = np.repeat([0, 1], 20)

        def fit(self, *_, **__):
            raise InterruptedError("made anew")

    one, task = session(tmp_path), Task()
    scores = Scores(1, 10, 0.0, fit_seconds=1.0, score_seconds=1.0, images=10, total_seconds=3.0)
    key = {**task.identity, "candidates": task.candidates, "budget": 60.0}
    one.save(Part("halving", key, dict), {"2": asdict(scores)})
    assert search._halving_search(task, 60.0, Budget(60.0), one) == {2: scores}
    with pytest.raises(InterruptedError, match="made anew"):
        search._halving_search(task, 90.0, Budget(90.0), one)
