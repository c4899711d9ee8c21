"""The command lines of the studies: arguments, exit statuses, what is printed at the end."""

import argparse
import io
import sys
from types import SimpleNamespace

from skcnn.study.cli import add_common_arguments, run_command
from skcnn.study.settings import StudySettings


def command(argv, run):
    parser = argparse.ArgumentParser(prog="study")
    default = StudySettings(data="digits", out="report", seeds=2)
    add_common_arguments(parser, default, data_help="", seeds_help="", quick_help="")
    return run_command(parser, argv, run)


def test_exit_statuses(tmp_path, capsys):
    asked = {}

    def run(**arguments):
        asked.update(arguments)
        return SimpleNamespace(summary="All is well.", report=tmp_path / "report.html")

    assert command(["--seeds", "3", "--quiet"], run) == 0
    expected = {"data": "digits", "out": "report", "seeds": 3, "n_jobs": None, "quick": False}
    assert asked == {**expected, "verbose": False}
    assert capsys.readouterr().out == f"All is well.\nReport: {tmp_path / 'report.html'}\n"

    def failing(error):
        def run(**arguments):
            raise error

        return run

    for error in (ValueError("too few"), FileNotFoundError("no file"), ImportError("no library")):
        assert command([], failing(error)) == 2
        assert capsys.readouterr().err == f"study: {error}\n"
    assert command([], failing(KeyboardInterrupt())) == 130


def test_a_summary_that_cannot_be_printed_is_no_failure(tmp_path, capsys, monkeypatch):
    """The report is complete when the reader of the output, such as `head`, has ended."""

    def run(**arguments):
        return SimpleNamespace(summary="All is well.", report=tmp_path / "report.html")

    def refuse(text):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=refuse, flush=lambda: None))
    assert command([], run) == 0
    expected = f"cannot be printed ([Errno 32] Broken pipe). Report: {tmp_path / 'report.html'}\n"
    assert capsys.readouterr().err == f"study: the summary {expected}"
    assert sys.stdout is None  # Python writes nothing at its end
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, SimpleNamespace(write=refuse, flush=lambda: None))
    assert command([], run) == 0


def test_a_summary_with_characters_that_the_output_lacks(tmp_path, monkeypatch):
    def run(**arguments):
        return SimpleNamespace(summary="Café au lait", report=tmp_path / "report.html")

    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    monkeypatch.setattr(sys, "stdout", output)
    assert command([], run) == 0
    assert output.buffer.getvalue().startswith(b"Caf\\xe9 au lait\nReport: ")
