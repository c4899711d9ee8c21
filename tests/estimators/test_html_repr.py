"""The HTML representation of estimators links to the manual."""

import re
import tomllib
from html import unescape
from pathlib import Path

import pytest
import sklearn
from helpers.quick import FAST, fast
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr
from sklearn.utils.fixes import parse_version

import skcnn
from skcnn._estimator import MANUAL, PAGE

ROOT = Path(__file__).parents[2]
ESTIMATORS = {
    name: found
    for name in skcnn.__all__
    if isinstance(found := getattr(skcnn, name), type) and issubclass(found, BaseEstimator)
}
SETTINGS = {
    "ConvNetClassifier": FAST | {"max_iter": 1},
    "ConvNetRegressor": FAST | {"max_iter": 1},
    "ConvAutoencoder": {"n_filters": 3, "max_iter": 1},
    "PatchFeatures": {"n_filters": 5, "n_patches": 100},
}
LINK = re.compile(r'href="([^"#]*)')


@pytest.mark.parametrize("name", ESTIMATORS)
def test_each_estimator_links_to_its_page(name):
    new = ESTIMATORS[name]()
    page = f"{MANUAL}/generated/skcnn.{name}.html"
    assert set(LINK.findall(estimator_html_repr(new))) == {page}
    assert set(LINK.findall(new._repr_html_())) == {page}
    with config_context(display="text"):
        assert not hasattr(new, "_repr_html_")


def test_steps_of_a_pipeline_have_links():
    html = estimator_html_repr(make_pipeline(skcnn.PatchFeatures(), fast()))
    pages = {PAGE.format(estimator_name=name) for name in ("PatchFeatures", "ConvNetClassifier")}
    assert pages <= set(LINK.findall(html))


def test_estimators_of_users_have_no_link():
    class Mine(skcnn.ConvNetClassifier):
        pass

    assert "generated" not in estimator_html_repr(Mine())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_fitted_estimator(images, name):
    """From scikit-learn 1.9 on, each parameter and each attribute is explained, with a link."""
    model = ESTIMATORS[name](**SETTINGS.get(name, {})).fit(images[0][:100], images[1][:100])
    html = estimator_html_repr(model)
    if parse_version(sklearn.__version__) < parse_version("1.9"):
        return
    assert len(html) < 150_000
    described = set(re.findall(r"--doc-link-(\w+);", html))
    fitted = {key for key in dir(model) if key.endswith("_") and not key.startswith("_")}
    assert described == fitted | set(model.get_params())
    assert "image_shape" in unescape(html)


def test_the_address_of_the_manual():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Documentation"] == MANUAL
    pages = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    assert PAGE.startswith(f"{MANUAL}/generated/skcnn.")
    assert ":toctree: generated/" in pages
    for name in ESTIMATORS:
        assert f"   {name}\n" in pages
