"""A study that is stopped at any moment leaves whole files, and goes on where it was."""

import ast
import errno
import importlib.util
import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.comparisons import SMALL, without_figures

pytest.importorskip("matplotlib")

import skcnn
from skcnn.__main__ import main as command_line
from skcnn.datasets import load_digits_images
from skcnn.study import comparison, provenance
from skcnn.study.folder import parts_of
from skcnn.study.paper2014 import run, runner, runs
from skcnn.study.paper2014.runs import FitResult, TimingResult, TimingRun
from skcnn.study.progress import Reporter
from skcnn.study.store import Session

FILTERS = np.random.default_rng(0).normal(size=(2, 4, 4, 1)).tolist()
KILL = Path(__file__).parents[2] / "examples" / "benchmarks" / "kill.py"


@pytest.fixture
def quick_paper(monkeypatch, tmp_path):
    """A function that makes a report in which nothing is computed."""
    X, y = load_digits_images()
    result = FitResult(2, 100, 1, 100, fit_seconds=3.0, images=4)

    def train(run, *_):
        made.append(run)
        return replace(result, wrong=run.seed, filters=FILTERS)

    class Picture:
        def savefig(self, file, **_):
            file.write(b"picture")

    made = []
    monkeypatch.setattr(runs, "train", train)
    monkeypatch.setattr(runner, "figure_makers", lambda tables: dict.fromkeys(tables, Picture))

    def make(out=tmp_path / "out"):
        made.clear()
        data = (X[:200], y[:200], X[200:300], y[200:300])
        found = run(["fig9"], data=data, out=out, seeds=2, n_jobs=1, quick=True, verbose=False)
        return found.tables, len(made)

    return make


@pytest.fixture
def full_disk(monkeypatch):
    """A function after whose call the n-th write fails, and all later ones."""
    fsync, writes = os.fsync, []

    def fail_at(n):
        writes.clear()

        def failing(descriptor):
            writes.append(descriptor)
            if n is not None and len(writes) >= n:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", failing)
        return writes

    return fail_at


def check_files(out):
    """All files are whole, and there are no others."""
    assert not list(out.rglob("*.partial"))
    for path in out.rglob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))


def test_a_full_disk(quick_paper, full_disk, tmp_path):
    writes = full_disk(None)
    expected, n_runs = quick_paper(tmp_path / "whole")
    assert n_runs == 4
    n_writes = len(writes)
    assert n_writes >= n_runs + 3  # the results, a picture, a table, the report
    for n in range(1, n_writes + 1):
        out = tmp_path / f"{n}"
        full_disk(n)
        with pytest.raises(OSError, match="cannot be written: No space left on device; expected"):
            quick_paper(out)
        check_files(out)
        stored = min(n - 1, n_runs)
        assert len(list(out.glob("parts/*.json"))) == stored
        assert not (out / "report.html").exists()
        full_disk(None)
        assert quick_paper(out) == (expected, n_runs - stored)
        check_files(out)


@pytest.mark.slow
def test_a_full_disk_in_a_comparison(small, tmp_path, full_disk):
    """All results are stored; the tables and the report are not written again."""
    with without_figures(tmp_path):
        writes = full_disk(None)
        out = shutil.copytree(small[0], tmp_path / "whole")
        comparison.run("digits", out=out, verbose=False, **SMALL)
        n_writes = len(writes)
        report = (out / "report.html").read_bytes()
        for n in range(1, n_writes + 1):
            full_disk(n)
            with pytest.raises(OSError, match="cannot be written: No space left on device"):
                comparison.run("digits", out=out, verbose=False, **SMALL)
            check_files(out)
            assert (out / "report.html").read_bytes() == report
    assert n_writes > 5


def test_a_folder_has_one_run_at_a_time(quick_paper, tmp_path, capsys):
    out = tmp_path / "out"
    with parts_of(out):
        with pytest.raises(BlockingIOError, match="which another run is using; expected"):
            quick_paper(out)
        assert command_line(["paper", "fig9", "--data=digits", f"--out={out}", "--quick"]) == 2
        assert "Wait until the other run has ended" in capsys.readouterr().err
        with parts_of(tmp_path / "other"):
            pass
    quick_paper(out)


def test_a_file_system_without_locks(quick_paper, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def unsupported(*_):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    assert quick_paper()[1] == 4


def test_what_killed_runs_have_left_is_removed(tmp_path):
    left = ["parts/a.json.12-34.partial", "report.html.12-34.partial", "parts/cache-x/a/b"]
    others = ["report.html", "my.partial", "cache-mine/a", "parts/a.json"]
    for name in left + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    with parts_of(tmp_path):
        found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert not found & {*left, "parts/cache-x"}
    assert found >= set(others)


@pytest.mark.parametrize("study", ["compare", "paper"])
@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_a_folder_that_cannot_be_used(study, kind, tmp_path, monkeypatch, capsys):
    """It is an error before anything is computed."""
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("")
    else:  # for the root user, no folder is read-only
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(Session, "run", None)
    assert command_line([study, "--data=digits", f"--out={out}"]) == 2
    printed = capsys.readouterr().err
    assert "cannot be used: " in printed
    assert "expected a folder that you may write to. Pass another path." in printed


def test_timings_depend_on_the_number_of_cores(tmp_path, monkeypatch):
    """They are measured on all cores that the study may use."""
    wanted, made = TimingRun(3, 4, 2, ()), []
    monkeypatch.setattr(runs, "time_iteration", lambda *a: made.append(a[2]) or TimingResult(1.0))
    for workers in (1, 2, 1):
        session = Session(tmp_path, {}, Reporter(False), lambda: None, workers)
        runner.execute([wanted], None, session)
    assert made == [1, 2]


# What code whose results are stored may use of modules that only draw and write: names, looks,
# numbers as text.
COLOURS = {"BLACK", "BLUE", "GREEN", "ORANGE", "PURPLE", "SKY", "VERMILION"}
HARMLESS = {"Look", "Reporter", "plain_log_axis", "pyplot", "seconds", *COLOURS}


def test_no_result_depends_on_code_without_a_checksum():
    """`code_checksum` leaves out the modules that only draw and write reports."""
    package = Path(skcnn.__file__).parent
    used = set()
    for path in package.glob("**/*.py"):
        if path.stem == "runner" or provenance._only_presents(path.relative_to(package)):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("skcnn.") for alias in node.names), path
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("skcnn."):
                place = Path(*node.module.split(".")[1:])
                for name in (alias.name for alias in node.names):
                    is_module = (package / place / f"{name}.py").exists()
                    file = place / name if is_module else place
                    if file.parts and provenance._only_presents(file):  # else skcnn/__init__.py
                        used.add(name)
    assert used <= HARMLESS


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_after_sigkill_a_study_goes_on(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("kill", KILL)
    kill = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "kill", kill)
    spec.loader.exec_module(kill)
    monkeypatch.setattr(sys, "argv", ["kill.py", "--of=paper", "--kills=4"])
    monkeypatch.syspath_prepend(KILL.parent)
    assert kill.main() == 0
    assert "0 with other results" in capsys.readouterr().err
