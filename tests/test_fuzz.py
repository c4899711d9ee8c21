"""A few of the cases of `examples/benchmarks/fuzz.py`, and what they consist of."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "benchmarks"


@pytest.fixture(scope="module")
def fuzz():
    sys.path.insert(0, str(FOLDER))
    try:
        import fuzz

        yield fuzz
    finally:
        sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_cases_give_a_sound_result_or_a_clear_error(fuzz, first):
    for number in range(first, first + 20):
        _, outcome, trace = fuzz.attempt(number)
        assert outcome != "FAULT", trace


def test_cases_that_were_faults(fuzz):
    """Overflow after the last step: in the outputs, and in a hidden layer."""
    for number in (1744, 3123, 4668, 5472, 6714):
        assert re.match("Training diverged: the (outputs|weights)", fuzz.run_case(number))


def test_a_case_is_determined_by_its_number(fuzz):
    one, again = fuzz.draw(11), fuzz.draw(11)
    assert str(one) == str(again)
    np.testing.assert_array_equal(np.asarray(one.X), np.asarray(again.X))


def test_faults_are_found(fuzz, monkeypatch):
    monkeypatch.setattr(fuzz, "compute", lambda *args, **kwargs: (np.ones(1), np.ones(1)))
    networks = [number for number in range(20) if fuzz.draw(number).kind in fuzz.NETWORKS]
    outcomes = {fuzz.attempt(number)[1] for number in networks}
    assert "FAULT" in outcomes
    assert "fitted" not in outcomes


def test_most_cases_are_fitted(fuzz):
    outcomes = [fuzz.attempt(number)[1] for number in range(100, 130)]
    assert 15 < outcomes.count("fitted") < 29
