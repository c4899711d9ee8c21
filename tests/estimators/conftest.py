"""Images that several tests of the estimators share."""

import pytest


@pytest.fixture(scope="session")
def images(digits):
    """300 digits, uint8 (300, 8, 8), and their labels."""
    return digits[0][:300], digits[1][:300]
