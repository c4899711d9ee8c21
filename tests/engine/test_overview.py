"""The overview in the docstring of `skcnn.engine` names functions and classes that exist."""

import re
from pathlib import Path

import pytest

import skcnn
from skcnn import engine

PACKAGE = Path(skcnn.__file__).parent
# For example "    4  Trainer.step                   training/trainer.py".
LINES = re.findall(r"(?m)^    .*?([A-Z_a-z][\w.]+(?:, [\w.]+)*)  .*?([\w/]+\.py)$", engine.__doc__)


def test_there_are_lines():
    assert len(LINES) >= 10


@pytest.mark.parametrize(("names", "file"), LINES)
def test_names_are_defined_in_the_file(names, file):
    path = PACKAGE.parent / file if file.startswith("skcnn/") else PACKAGE / "engine" / file
    source = path.read_text(encoding="utf-8")
    for name in names.split(", "):
        for part in name.split("."):
            assert re.search(rf"(?m)^ *(def|class) {part}\b", source), (part, file)
