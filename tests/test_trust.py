"""Every test and script that the page of promises names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "trust.md").read_text("utf-8")
TESTS = sorted(set(re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?(?:::(\w+))?", PAGE)))
SCRIPTS = sorted(set(re.findall(r"examples/[\w/]+\.py", PAGE)))


@pytest.mark.parametrize(("file", "outer", "inner"), TESTS)
def test_named_tests_exist(file, outer, inner):
    code = (ROOT / file).read_text("utf-8")
    for name in filter(None, (outer, inner)):
        assert re.search(rf"^( *(def|class) {name}\b|{name} = )", code, re.MULTILINE)


@pytest.mark.parametrize("script", SCRIPTS)
def test_named_scripts_exist(script):
    assert (ROOT / script).exists()


def test_there_are_promises():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "tests/" in line]
    assert len(rows) > 20
    assert len(TESTS) > 30
    assert not re.search(r"@\w", PAGE)
