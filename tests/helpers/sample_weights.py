"""Which of scikit-learn's checks of sample weights a network cannot pass, and why."""

import sklearn
from sklearn.utils.fixes import parse_version

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "compares nine digits, but float32 has seven; and repeated images form other mini-batches "
        "than weighted images"
    )
}
if parse_version(sklearn.__version__) < parse_version("1.7"):
    EXPECTED_FAILURES["check_sample_weight_equivalence_on_sparse_data"] = (
        "scikit-learn 1.6 also runs it for estimators that do not accept sparse X"
    )
