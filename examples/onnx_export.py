"""Export a network as an ONNX file, run it with ONNX Runtime, and compare
=======================================================================

The file needs neither Python nor skcnn: ONNX Runtime reads it from C, C++, C#, Java and JavaScript,
too. Exporting needs the package onnx, running it onnxruntime::

    python -m pip install onnx onnxruntime
    python examples/onnx_export.py
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from skcnn import ConvNetClassifier, to_onnx
from skcnn.datasets import load_digits_images

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder for the model")
options = parser.parse_args()
path = options.out.expanduser() / "digits.onnx"

X, y = load_digits_images()
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
network = ConvNetClassifier(max_iter=10, random_state=0).fit(X_train, y_train)
print(f"test error: {1 - network.score(X_test, y_test):.1%}")

model = to_onnx(network, path)
operators = ", ".join(dict.fromkeys(node.op_type for node in model.graph.node))
print(f"{path}: {path.stat().st_size / 1024:,.0f} KiB")
print(f"operators: {operators}")

try:
    import onnxruntime
except ImportError:
    print("To run the model, install ONNX Runtime: python -m pip install onnxruntime")
else:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    label, probabilities = session.run(["label", "probabilities"], {"X": X_test})
    difference = np.abs(probabilities - network.predict_proba(X_test)).max()
    print(f"labels that are equal: {np.mean(label == network.predict(X_test)):.1%}")
    print(f"largest difference of a probability: {difference:.1e}")
