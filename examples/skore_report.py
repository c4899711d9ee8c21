"""Compare a network with HOG + SVC in a skore report
==================================================

`skore.evaluate` cross-validates several estimators on the same folds and returns a report: here
their accuracies, the recall of each class, and the times::

    python -m pip install skore
    python examples/skore_report.py

Written for skore 0.28; `evaluate` is new in 0.14.
"""

import argparse

from sklearn.model_selection import StratifiedKFold

from skcnn import ConvNetClassifier, make_hog_svc
from skcnn.datasets import load_digits_images

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
try:
    import skore
except ImportError as error:
    raise SystemExit(
        f"skore could not be imported ({error}); this example needs it. Install it: "
        "python -m pip install skore"
    ) from error

X, y = load_digits_images()
X = X.reshape(len(X), -1)  # parts of skore expect a table; skcnn reads the rows as 8 x 8 images
if options.quick:
    X, y = X[:300], y[:300]

estimators = {
    "CNN": ConvNetClassifier(max_iter=8 if options.quick else 15, random_state=0),
    "HOG + SVC": make_hog_svc(),
}
folds = StratifiedKFold(3 if options.quick else 5, shuffle=True, random_state=0)
with skore.configuration(show_progress=False):
    report = skore.evaluate(estimators, X, y, splitter=folds)
    summary = report.metrics.summarize(metric=["accuracy", "recall", "fit_time", "predict_time"])
print(summary.frame(flat_index=False).to_string(float_format="{:.4f}".format))

for name, single in report.reports_.items():
    accuracies = single.metrics.accuracy(aggregate=None).to_numpy().ravel()
    print(f"{name}: mean error {1 - accuracies.mean():.2%} in {len(accuracies)} folds")
