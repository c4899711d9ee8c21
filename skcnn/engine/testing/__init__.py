"""Tests that any layer must pass (`check_layer`), and running one layer by itself (`run_layer`)."""

from skcnn.engine.testing.checks import check_layer
from skcnn.engine.testing.running import LayerRun, run_layer

__all__ = ["LayerRun", "check_layer", "run_layer"]
