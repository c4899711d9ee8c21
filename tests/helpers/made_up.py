"""Results of a comparison that are made up."""

from pathlib import Path

import numpy as np

from skcnn.study.comparison.measured import FinalFit, Fit, FitKey, Search
from skcnn.study.comparison.results import Results
from skcnn.study.comparison.settings import Settings
from skcnn.study.data import Images
from skcnn.study.provenance import Environment

LABELS = np.zeros(100, dtype=int)
TESTED = 10_000  # images of the made-up errors of learning curves
CONTENDERS = ("cnn", "hog_svc", "cnn_svc")  # of the made-up results


def final_fit(wrong=(), fit_seconds=1.0):
    """A final fit that misclassifies these of 100 test images."""
    predicted = LABELS.copy()
    predicted[list(wrong)] = 1
    return FinalFit(
        wrong=len(wrong),
        tested=100,
        train_wrong=0,
        train_tested=1000,
        fit_seconds=fit_seconds,
        seconds=fit_seconds,
        predict_seconds=0.1,
        single_predict_seconds=0.001,
        peak_bytes=2**20,
        model_bytes=2**20,
        predicted=predicted.tolist(),
        confidence=[1.0] * 100,
    )


def fit(error, seconds=1.0):
    """A fit of a learning curve with this test error."""
    return Fit(round(error * TESTED), TESTED, 0, 1000, seconds, seconds)


def made_up(
    *,
    final=None,
    cnn=((0.2,), (0.1,)),
    hog=((0.3,), (0.2,)),
    images=None,
    quick=False,
    features=False,
):
    """Results with these final fits, and these errors at 10 and 100 % by seed."""
    images = images or Images("made up", "None.", np.zeros((1000, 4)), np.arange(1000) % 10,
                              np.zeros((100, 4)), LABELS)  # fmt: skip
    curves = {
        FitKey(key, share, 10 * share, seed): fit(error)
        for key, errors in (("cnn", cnn), ("hog_svc", hog), ("cnn_svc", cnn))
        for share, by_seed in zip((10, 100), errors, strict=True)
        for seed, error in enumerate(by_seed)
    }
    return Results(
        images=images,
        settings=Settings(out=Path("unused"), seeds=len(cnn[0]), quick=quick, features=features),
        environment=Environment("2000-01-01", "none", 1, {}),
        params={key: {} for key in CONTENDERS},
        search={key: Search([], 0, 1000, 3, 15) for key in CONTENDERS},
        final=final or {key: final_fit() for key in CONTENDERS},
        curves=curves,
        skipped=[],
    )
