"""Both notebooks run from start to end, and are committed executed and small."""

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")
pytest.importorskip("pandas")

ROOT = Path(__file__).parents[1]
# Each notebook with a text that it prints if it ran as expected.
PRINTED_TEXT = {
    "quickstart": "same answers: True",
    "compare_hog_and_cnn": "makes the fewest mistakes",
}
MAX_BYTES = 400_000


def read(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def output_text(notebook):
    """All output of the cells that is text."""
    texts = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            texts.append(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(texts)


@pytest.mark.parametrize("name", PRINTED_TEXT)
def test_committed_executed_and_small(name):
    notebook = read(name)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert (ROOT / "notebooks" / f"{name}.ipynb").stat().st_size < MAX_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTED_TEXT)
def test_runs(name, tmp_path, monkeypatch):
    notebook = read(name)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert PRINTED_TEXT[name] in output_text(notebook)
    assert list(tmp_path.iterdir()) == []  # no file is left behind
