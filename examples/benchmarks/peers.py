"""skcnn beside other neural networks that scikit-learn can use: a table made of checks that run.

    python examples/benchmarks/peers.py [--peer NAME]

The peers are `MLPClassifier`, skorch, SciKeras and Keras' `SKLearnClassifier`; those that are not
installed are left out. Each runs in a process of its own (with --peer in this one), on
scikit-learn's digits. The script prints a table in Markdown, in which each cell is the result of a
run: "partly" means that users have to write code, or that only a part of it works. It needs
onnxruntime, skl2onnx and skops; skorch also needs torch, safetensors and onnxscript. SciKeras runs
on TensorFlow (with tf2onnx) and Keras on PyTorch. docs/peers.md has the table, and the footnotes.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import subprocess
import sys
from importlib import metadata

from peers_checks import ROWS, run
from peers_cost import import_times, megabytes
from peers_networks import NAMES, find

MODULES = {
    "skcnn": "skcnn",
    "mlp": "sklearn",
    "skorch": "skorch",
    "scikeras": "scikeras",
    "keras": "keras",
}
COSTS = ("installed, beyond scikit-learn", "import, in imports of sklearn")
BACKENDS = {"scikeras": "tensorflow", "keras": "torch"}


def column(name: str) -> dict:
    """The cells of one peer, and what the table needs to know about it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if name in BACKENDS:
        os.environ.setdefault("KERAS_BACKEND", BACKENDS[name])
    peer = find(name)
    cells = {}
    for row in ROWS:
        print(f"{name}: {row}", file=sys.stderr, flush=True)
        cells[row] = str(run(row, peer))
    size = megabytes(peer.distributions)
    cells[COSTS[0]] = f"{size:,.0f} MB"
    return {
        "name": name,
        "title": peer.title,
        "statement": peer.statement,
        "versions": ", ".join(f"{each} {version_of(each)}" for each in peer.distributions),
        "cells": cells,
    }


def version_of(distribution: str) -> str:
    if distribution == "skcnn":
        import skcnn

        return skcnn.__version__
    return metadata.version(distribution)


def column_of_process(name: str) -> dict:
    """`column` in a new process."""
    command = [sys.executable, __file__, "--peer", name, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def as_table(columns: list[dict]) -> str:
    """The columns as Markdown."""
    lines = [
        ["", *(column["title"] for column in columns)],
        ["---"] * (len(columns) + 1),
        ["version", *(column["versions"] for column in columns)],
    ]
    for row in columns[0]["cells"]:
        lines.append([row, *(column["cells"][row] for column in columns)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", choices=NAMES, help="only this one, in this process")
    parser.add_argument("--rounds", type=int, default=5, help="imports of each (default: 5)")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.json:
        print(json.dumps(column(options.peer)))
        return
    if options.peer:
        print(as_table([column(options.peer)]))
        return
    installed = [name for name in NAMES if importlib.util.find_spec(MODULES[name])]
    columns = [column_of_process(name) for name in installed]
    ratios = import_times({each["name"]: each["statement"] for each in columns}, options.rounds)
    for each in columns:
        each["cells"][COSTS[1]] = f"{ratios[each['name']]:.1f}"
    print(as_table(columns))
    print(f"\nscikit-learn {metadata.version('scikit-learn')}, {datetime.date.today():%B %Y}")


if __name__ == "__main__":
    main()
