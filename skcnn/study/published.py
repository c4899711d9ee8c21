"""What the paper of 2014 measured on MNIST, as numbers.

F. Bastani and Z. Wang, "Convolutional Neural Networks for Classifying Handwritten Digits", 2014.

Table 2 and section 5.5 are exact. Values read off a curve are accurate to about 3 percent of the
axis. The heatmaps were read by matching colours to the colour bar, to about 1 point; values at the
end of the colour bar are clipped. The text of the paper calls the sigmoid output of section 5.5
"softmax" by mistake.

Errors are in percent, times in seconds per iteration (256 images). Each is of one run.
"""

from __future__ import annotations

from collections.abc import Iterable

# Test error of the network without a hidden layer, with 64 filters of 13 x 13 pixels and 2 x 2
# pooling regions.
DEFAULT_TEST_ERROR = 2.69

TABLE2 = {"none": DEFAULT_TEST_ERROR, "10": 1.73, "16": 1.74, "32": 1.81, "32-16": 1.93}
TABLE2_SECONDS = {"none": 30.48, "10": 30.80, "16": 30.66, "32": 30.56, "32-16": 30.43}

FIG2 = {5: 6.05, 7: 3.7, 9: 3.0, 11: 3.6, 13: DEFAULT_TEST_ERROR, 15: 4.05}
FIG3_SECONDS = {5: 15.7, 7: 20.6, 9: 23.8, 11: 26.7, 13: 30.5, 15: 29.3}
FIG4 = {8: 3.34, 16: 3.04, 32: 2.66, 64: DEFAULT_TEST_ERROR, 128: 3.64, 256: 6.25}
FIG5_SECONDS = {8: 4.0, 16: 8.0, 32: 15.3, 64: 30.5, 128: 60.5, 256: 115.0}
FIG6 = {1: 3.85, 2: DEFAULT_TEST_ERROR, 3: 3.97, 4: 4.11, 5: 4.24, 6: 3.67}
FIG7_SECONDS = {1: 27.0, 2: 30.5, 3: 31.5, 4: 36.0, 5: 40.3, 6: 43.5}

SEC55 = {"softmax": DEFAULT_TEST_ERROR, "sigmoid": 59.62, "gradient descent": 90.2}
REASONS = {  # the numbers that the rerun does not reproduce and tries to explain
    **{x: TABLE2[x] for x in ("none", "10")},
    **{x: SEC55[x] for x in ("sigmoid", "gradient descent")},
}


def _by(xs: Iterable[float], *values: float) -> dict[float, float]:
    return dict(zip(xs, values, strict=True))


_HOURS = (0.25, 0.5, 1, 2, 3, 4, 5, 6, 6.75)
FIG8_TRAIN = _by(_HOURS, 31.0, 15.5, 9.8, 7.7, 6.5, 4.6, 4.3, 4.2, 3.5)
FIG8_TEST = _by(_HOURS, 30.0, 13.8, 9.2, 7.3, 6.0, 4.2, 3.9, 3.9, 3.2)

# By percent of the training images: HOG with an SVM (Fig. 10), the CNN with a hidden layer of ten
# neurons (Fig. 11).
_SHARES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
FIG10_TEST = _by((5, *_SHARES), 18.7, 16.1, 10.9, 7.8, 7.5, 6.8, 6.0, 5.8, 5.6, 5.4, 5.35)
FIG10_TRAIN = {5: 0.0, 10: 0.0, 20: 0.85, 50: 0.85, 80: 1.55, 100: 1.9}
FIG11_TEST = _by(_SHARES, 3.53, 3.01, 2.00, 2.83, 3.28, 2.86, 1.90, 2.16, 1.73, 2.25)
FIG11_TRAIN = _by(_SHARES, 0.05, 0.22, 0.34, 0.71, 1.48, 1.54, 1.11, 1.49, 1.81, 2.00)

Table = tuple[tuple[float, ...], ...]

HEATMAP_SIZES = (5, 7, 9, 11, 13, 15, 17)  # filter sizes, pixels
HEATMAP_REGIONS = (6, 5, 4, 3, 2, 1)
HEATMAP_FILTERS = (8, 16, 32, 64, 128, 256)

# Errors with 64 filters: a row for each number of pooling regions per side, a column for each
# filter size. Equal cells may be one run: the paper's code took the nearest setting that divides
# evenly.
_REGIONS_TRAIN = (
    (28.7, 28.7, 8.6, 8.6, 8.6, 35.5, 35.5),
    (49.7, 49.7, 17.8, 16.6, 16.6, 16.6, 16.6),
    (28.7, 14.9, 14.9, 6.4, 6.4, 8.6, 8.6),
    (5.6, 32.5, 5.0, 5.0, 5.0, 5.0, 5.0),
    (11.5, 5.6, 4.0, 11.1, 7.2, 4.0, 7.2),
    (17.8, 7.7, 6.4, 6.4, 5.6, 4.0, 5.6),
)
_REGIONS_TEST = (
    (28.5, 28.5, 9.0, 9.0, 9.0, 34.0, 34.0),
    (62.4, 62.4, 17.3, 15.9, 15.9, 15.9, 15.9),
    (28.5, 15.2, 15.2, 6.2, 6.2, 9.0, 9.0),
    (6.2, 32.3, 5.7, 4.3, 5.7, 4.3, 4.3),
    (11.7, 5.7, 4.3, 10.9, 6.9, 4.3, 6.9),
    (17.3, 8.1, 6.9, 6.2, 5.7, 4.3, 5.7),
)
# Errors with 2 by 2 regions: a row for each filter size, a column for each number of filters.
_FILTERS_TRAIN = (
    (4.6, 4.6, 4.6, 7.9, 69.6, 69.6),
    (4.6, 3.1, 3.1, 12.0, 26.5, 69.6),
    (3.1, 2.3, 2.3, 5.6, 45.6, 69.6),
    (2.3, 2.3, 2.3, 4.6, 10.1, 69.6),
    (3.1, 2.3, 2.3, 10.8, 38.9, 69.6),
    (3.1, 2.3, 2.3, 7.0, 15.5, 30.0),
    (3.1, 2.3, 2.3, 4.6, 7.9, 24.9),
)
_FILTERS_TEST = (
    (4.7, 4.7, 4.7, 8.3, 74.7, 79.8),
    (4.7, 2.7, 2.7, 12.3, 24.0, 87.9),
    (2.7, 2.7, 2.7, 5.5, 45.0, 87.9),
    (2.7, 2.7, 2.7, 4.7, 9.5, 78.8),
    (2.7, 2.7, 2.7, 11.3, 38.2, 73.9),
    (2.7, 2.7, 2.7, 6.5, 15.1, 28.3),
    (4.7, 2.7, 2.7, 4.7, 6.5, 24.0),
)


def _cells(
    rows: tuple[int, ...], columns: tuple[int, ...], train: Table, test: Table
) -> dict[str, dict[tuple[int, int], float]]:
    """The training and the test error of each cell (row, column)."""
    return {
        name: {
            (row, column): errors[i][j]
            for i, row in enumerate(rows)
            for j, column in enumerate(columns)
        }
        for name, errors in (("train_error", train), ("test_error", test))
    }


# By pooling regions per side and filter size.
HEATMAP_REGIONS_SIZES = _cells(HEATMAP_REGIONS, HEATMAP_SIZES, _REGIONS_TRAIN, _REGIONS_TEST)
# By filter size and number of filters.
HEATMAP_SIZES_FILTERS = _cells(HEATMAP_SIZES, HEATMAP_FILTERS, _FILTERS_TRAIN, _FILTERS_TEST)
