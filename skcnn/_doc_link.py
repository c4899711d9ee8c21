"""The page of an estimator in the manual, to which its HTML representation links."""

from __future__ import annotations

# `Documentation` in pyproject.toml, where .github/workflows/ci.yml publishes the manual, and the
# page that docs/api.rst makes of a class.
MANUAL = "https://skcnn.github.io/skcnn"
PAGE = MANUAL + "/generated/skcnn.{estimator_name}.html"


class DocLinkMixin:
    """Tells scikit-learn where the page of an estimator is; a base before `BaseEstimator`."""

    _doc_link_module = "skcnn"
    _doc_link_template = PAGE
