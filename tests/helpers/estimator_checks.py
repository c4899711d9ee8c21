"""scikit-learn's estimator checks as tests."""

import pytest
from sklearn.utils import estimator_checks


def parametrize_with_checks(estimators, **kwargs):
    """As scikit-learn's function, with the checks in a list.

    Before scikit-learn 1.8 they are in a generator, about which pytest 9 warns.
    """
    mark = estimator_checks.parametrize_with_checks(estimators, **kwargs).mark
    names, checks = mark.args
    return pytest.mark.parametrize(names, list(checks), **mark.kwargs)
