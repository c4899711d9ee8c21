"""The results of a fixed set of fits are, bit for bit, those that were recorded."""

import json
import warnings

import pytest
from helpers.fixed_fits import TABLE, fit_all, platform
from sklearn.exceptions import ConvergenceWarning

RECORDED = json.loads(TABLE.read_text())


@pytest.mark.skipif(
    platform() != RECORDED["platform"],
    reason=f"recorded with {RECORDED['platform']}; other kernels round differently",
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_equal_the_recorded_ones(n_jobs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        hashes = fit_all(n_jobs)
    assert hashes == RECORDED["hashes"]
