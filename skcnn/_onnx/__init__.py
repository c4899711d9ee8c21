"""From fitted estimators to ONNX graphs. `skcnn.onnx` is the public module."""
