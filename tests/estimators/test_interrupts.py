"""Ctrl-C at random moments of fits and predictions; more of it by the script of the benchmarks."""

import runpy
import signal
import threading
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "benchmarks" / "interrupt.py"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signal.setitimer")
@pytest.mark.parametrize("n", [10, pytest.param(150, marks=pytest.mark.slow)])
def test_nothing_is_left_over(n):
    assert threading.current_thread() is threading.main_thread()
    interrupt_all = runpy.run_path(str(SCRIPT))["interrupt_all"]
    counts, problems = interrupt_all(n)
    assert not problems
    assert sum(counts.values()) == n
    if n > 100:
        assert {name.split(": ")[1] for name in counts} == {"raised", "warned", "complete"}
