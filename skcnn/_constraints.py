"""Which values the parameters may have, for scikit-learn's validation."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

from skcnn._predict_augment import COPIES
from skcnn.augment import AUGMENTATIONS
from skcnn.engine.training.schedules import SCHEDULES

Constraints = dict[str, list[Any]]

AT_LEAST_ONE = Interval(Integral, 1, None, closed="left")

# Of all networks.
TRAINING_CONSTRAINTS: Constraints = {
    "image_shape": ["array-like", None],
    "solver": [StrOptions({"adam", "muon", "sgd", "gd"})],
    "learning_rate": [StrOptions({"auto", *SCHEDULES}), callable],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    "momentum": [Interval(Real, 0, 1, closed="both"), callable],
    "nesterovs_momentum": ["boolean"],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), AT_LEAST_ONE],
    "max_iter": [StrOptions({"auto"}), AT_LEAST_ONE],
    "max_time": [Interval(Real, 0, None, closed="neither"), None],
    "shuffle": ["boolean", StrOptions({"replacement"})],
    "augment": [StrOptions(set(AUGMENTATIONS)), callable, tuple, list, None],
    "standardize": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "n_iter_no_change": [AT_LEAST_ONE, Options(Real, {np.inf})],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "n_jobs": [Integral, None],
}
CONVOLUTION_CONSTRAINTS: Constraints = {
    "n_filters": [AT_LEAST_ONE, "array-like"],
    "filter_size": [AT_LEAST_ONE, "array-like"],
    "pool_size": [AT_LEAST_ONE, "array-like"],
    "pooling": [StrOptions({"max", "mean"})],
    "activation": [StrOptions({"relu", "sigmoid", "tanh"})],
    "normalization": [StrOptions({"batch"}), None],
}
# Of classifiers and regressors.
SUPERVISED_CONSTRAINTS: Constraints = {
    **TRAINING_CONSTRAINTS,
    **CONVOLUTION_CONSTRAINTS,
    "padding": [StrOptions({"same", "valid"})],
    "pool_regions": [AT_LEAST_ONE, "array-like", None],
    "hidden_layer_sizes": [AT_LEAST_ONE, "array-like"],
    "dropout": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
    "weight_init": [StrOptions({"auto", "uniform"})],
    "pretrained": ["array-like", HasMethods("fit"), None],
    "freeze": ["boolean"],
    "predict_augment": [StrOptions(set(COPIES)), tuple, list, None],
}
