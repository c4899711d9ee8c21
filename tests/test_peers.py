"""docs/peers.md: the cells of skcnn and MLPClassifier are what `peers.py` finds."""

import re
import sys
from pathlib import Path

import pytest
import sklearn
from helpers.sample_weights import EXPECTED_FAILURES
from sklearn.utils.fixes import parse_version

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples" / "benchmarks"))

import peers_checks  # noqa: E402
import peers_cost  # noqa: E402
from peers import COSTS, as_table  # noqa: E402
from peers_networks import NotOffered, Peer, find  # noqa: E402

PAGE = (ROOT / "docs" / "peers.md").read_text("utf-8")
CHECKS = "estimator checks passed"  # slow
NEEDS = {"ONNX": ["onnx", "onnxruntime", "skl2onnx"], "files without code": ["skops"]}
OLDER = {"callbacks": "1.9", "sample weights": "1.7"}  # since which version of scikit-learn


def table(text):
    """The cells of the table in a text: {column: {row: cell}}."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {name: {row[0]: row[i] for row in rows} for i, name in enumerate(head) if name}


def test_page_has_all_rows_and_footnotes():
    columns = table(PAGE)
    assert len(columns) == 5
    for cells in columns.values():
        assert list(cells) == ["version", *peers_checks.ROWS, *COSTS]
        assert not [cell for cell in cells.values() if not cell or cell.startswith("error")]
    notes = set(re.findall(r"^\[\^([\w-]+)\]:", PAGE, flags=re.MULTILINE))
    assert set(re.findall(r"\[\^([\w-]+)\](?!:)", PAGE)) == notes


@pytest.mark.parametrize("name", ["skcnn", "mlp"])
@pytest.mark.parametrize("row", [row for row in peers_checks.ROWS if row != CHECKS])
def test_cell(row, name):
    for package in NEEDS.get(row, []):
        pytest.importorskip(package)
    if parse_version(sklearn.__version__) < parse_version(OLDER.get(row, "0")):
        pytest.skip("the page has the cells of a later scikit-learn")
    peer = find(name)
    expected, found = table(PAGE)[peer.title][row], str(peers_checks.run(row, peer))
    if (row, name) == ("same results again", "mlp"):  # the second half depends on BLAS
        expected, found = (cell.split(",")[0].split(": ")[1] for cell in (expected, found))
    assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["skcnn", "mlp"])
def test_estimator_checks(name):
    passed, checks = str(peers_checks.run(CHECKS, find(name))).split(" of ")
    expected_failures = EXPECTED_FAILURES if name == "skcnn" else {}
    assert int(passed) == int(checks) - len(expected_failures)
    assert int(checks) > 40


class Nothing(Peer):
    """A peer that can do nothing."""

    how = {"dropout": "a note"}  # noqa: RUF012

    def new(self, *args, **changes):
        if changes.get("dropout"):
            raise NotOffered
        raise KeyError("broken")


def test_errors_are_not_taken_for_answers():
    assert str(peers_checks.run("pickle", Nothing())).startswith("error: `KeyError")


def test_no_is_no():
    class WithoutDropout(type(find("mlp"))):
        how = {"dropout": "a note"}  # noqa: RUF012

    assert str(peers_checks.run("dropout", WithoutDropout())) == "no: a note"


def test_size_counts_what_scikit_learn_does_not_need():
    beyond = peers_cost.closure(("skcnn",)) - peers_cost.closure(("scikit-learn",))
    assert {"skcnn", "scikit-image", "pillow"} <= beyond
    assert not {"numpy", "scipy", "joblib"} & beyond
    assert peers_cost.megabytes(("scikit-learn",)) == 0
    assert peers_cost.megabytes(("skcnn",)) > peers_cost.size_of("scikit-image") / 1e6 > 1


@pytest.mark.slow  # four new processes
def test_import_times_are_ratios():
    ratios = peers_cost.import_times({"json": "import json"}, rounds=1)
    assert ratios["sklearn"] == 1
    assert 0 < ratios["json"] < 1


def test_table_can_be_read_again():
    column = {"title": "a", "versions": "a 1", "cells": {"dropout": "yes: `x`"}}
    assert table(as_table([column])) == {"a": {"version": "a 1", "dropout": "yes: `x`"}}
