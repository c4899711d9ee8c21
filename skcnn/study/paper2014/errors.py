"""`Errors` of a series of networks, and which differences of errors count."""

from __future__ import annotations

import math

from skcnn.study.paper2014.tables import Row, curve


def counts(difference: float, *standard_errors: float) -> bool:
    """Whether a difference is larger than two standard errors, given those of its two sides.

    Examples
    --------
    >>> from skcnn.study.paper2014.errors import counts
    >>> counts(0.5, 0.15, 0.2), counts(0.51, 0.15, 0.2)
    (False, True)
    """
    return difference > 2 * math.hypot(*standard_errors)


class Errors:
    """The errors of one series, and whether they differ.

    Parameters
    ----------
    rows : list of dict
        Of one experiment.
    series : str
    n_test : int
        Test images.

    Examples
    --------
    >>> from skcnn.study.paper2014.tables import paper_rows
    >>> from skcnn.study.paper2014.errors import Errors
    >>> errors = Errors(paper_rows("fig4"), "paper", n_test=10_000)
    >>> errors.best, errors.worse(256, 64), errors.worse(64, 32)
    (32, True, False)
    """

    def __init__(self, rows: list[Row], series: str, n_test: int):
        self.rows = {row["x"]: row for row in rows if row["series"] == series}
        self.test = curve(rows, series)
        self.train = curve(rows, series, "train_error")
        self.n_test, self.n_watched = n_test, max(1, n_test // 2)

    @property
    def best(self):
        """Where the test error is lowest."""
        return min(self.test, key=self.test.__getitem__)

    def standard_error(self, x, column: str = "test_error") -> float:
        """Of the test (or training) error at x, in points: of the images and of the seeds."""
        row = self.rows[x]
        share = row[column] / 100
        square = (
            1e4 * share * (1 - share) / (self.n_test if column[:4] == "test" else self.n_watched)
        )
        if row["seeds"] > 1:  # other seeds, but the same images
            square += row[f"{column}_sd"] ** 2 / row["seeds"]
        return math.sqrt(square)

    def worse(self, x, y, column: str = "test_error") -> bool:
        """Whether the error at x is clearly higher than at y."""
        noise = self.standard_error(x, column), self.standard_error(y, column)
        return counts(self.rows[x][column] - self.rows[y][column], *noise)
