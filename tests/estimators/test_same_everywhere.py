"""The same answer on every machine, for any number of threads and any setting of BLAS."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pytest
from helpers import reference_fits
from numpy.testing import assert_allclose, assert_array_equal

from skcnn._features import batches

EXPECTED = json.loads(reference_fits.STORED.read_text())
# Rounding differs between kernels of BLAS, and training multiplies the differences. With the
# kernels of OpenBLAS for six generations of processors, the results differ by less than 2e-4.
TOLERANCE = 1e-3
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


@cache
def single_threaded():
    return reference_fits.results(n_jobs=1)


@pytest.mark.parametrize("name", EXPECTED)
def test_fits_give_the_stored_results(name):
    found = reference_fits.stored_part(single_threaded()[name])
    tolerance = 1e-5 if name == "hog" else TOLERANCE
    assert_allclose(found, EXPECTED[name], rtol=0, atol=tolerance)
    assert np.ptp(EXPECTED[name]) > 100 * tolerance


def test_every_fit_is_stored():
    assert EXPECTED.keys() == reference_fits.estimators(1).keys()


@pytest.mark.parametrize(
    "n_jobs", [2, 3, 8, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 5, 6, 7))]
)
def test_any_number_of_threads_gives_the_same_bits(n_jobs, monkeypatch):
    monkeypatch.setattr(batches, "_PARALLEL_SECONDS", 0)
    monkeypatch.setattr(batches, "_BATCH_IMAGES", 50)
    with joblib.parallel_config("threading"):
        found = reference_fits.results(n_jobs)
    for name, expected in single_threaded().items():
        assert_array_equal(found[name], expected, err_msg=name)


@pytest.mark.slow
def test_any_setting_of_blas_threads_gives_the_same_bits():
    """In new processes, which read the settings when NumPy is imported."""

    def hashes(setting):
        env = {name: value for name, value in os.environ.items() if name not in THREADS}
        if setting is not None:
            env |= dict.fromkeys(THREADS, setting)
        env["PYTHONPATH"] = os.pathsep.join([*sys.path, env.get("PYTHONPATH", "")])
        command = [sys.executable, "-W", "ignore", Path(reference_fits.__file__), "--hashes"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    expected = hashes(None)
    assert expected.keys() == EXPECTED.keys()
    for setting in ("1", "2", "4", "8"):
        assert hashes(setting) == expected, setting
    own = {
        name: reference_fits.hash_of(values) for name, values in single_threaded().items()
    }  # this process may have other settings, and uses one thread
    assert own == expected
