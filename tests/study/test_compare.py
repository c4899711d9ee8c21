"""``python -m skcnn compare``: a small comparison, interruption, time budget, invalid input."""

import csv
import itertools
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import joblib
import numpy as np
import pytest
from helpers.comparisons import SMALL, without_figures
from scipy.stats import binomtest

pytest.importorskip("matplotlib")

from skcnn.__main__ import main as command_line
from skcnn.study.comparison import measure, run, runner
from skcnn.study.comparison.contenders import ALWAYS, CONTENDERS
from skcnn.study.comparison.settings import SHARES, Settings
from skcnn.study.data import load_images, nested_order, subset_sizes


class Links(HTMLParser):
    """The sources that a page loads, and its text."""

    def __init__(self):
        super().__init__()
        self.sources, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [v for k, v in attrs if k == "src" or (k == "href" and tag != "a")]

    def handle_data(self, data):
        self.text.append(data)


def read_csv(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def no_figures(tmp_path_factory):
    with without_figures(tmp_path_factory.mktemp("picture")):
        yield


@pytest.fixture
def light(no_figures, monkeypatch):
    """A comparison of three contenders without figures."""
    monkeypatch.setattr(Settings, "contenders", ("cnn", "hog_svc", "cnn_svc"))


@pytest.mark.slow
def test_report_is_self_contained(small, tmp_path):
    out = shutil.copytree(small[0], tmp_path / "with_figures")
    html = run("digits", out=out, verbose=False, **SMALL).report.read_text(encoding="utf-8")
    page = Links()
    page.feed(html)
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert len(page.sources) == len(list((out / "pictures").glob("*.png")))
    text = "".join(page.text)
    for key in ALWAYS:
        assert CONTENDERS[key].look.label in text
    assert "quick run" in text
    assert re.search(r"\bnan\b", text) is None

    # Every figure says how it was made.
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html, re.DOTALL)
    assert len(captions) == html.count("<img ")
    assert all("seed" in caption for caption in captions[1:])  # the first shows the images


def test_files_agree_with_the_results(small):
    out, comparison = small
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    final = {row["contender"]: row for row in read_csv(out / "tables" / "final.csv")}
    predictions = read_csv(out / "tables" / "predictions.csv")
    images = load_images("digits", train_size=SMALL["train_size"])
    X_test, y_test = images.X_test, images.y_test
    assert tuple(final) == ALWAYS
    for key, model in comparison.models.items():
        said = joblib.load(model).predict(X_test)
        assert [int(row[f"{key}_said"]) for row in predictions] == said.tolist()
        wrong = int((said != y_test).sum())
        assert results["final"][key]["wrong"] == wrong == int(final[key]["wrong"])
        assert results["final"][key]["test_error"] == pytest.approx(wrong / len(y_test))
        low, high = results["final"][key]["interval"]
        assert low < wrong / len(y_test) < high
        assert results["final"][key]["fit_seconds"] > 0
        assert results["final"][key]["model_bytes"] > 1000
    rows = read_csv(out / "tables" / "learning_curves.csv")
    shares = {(r["contender"], r["share"], r["seed"]) for r in rows}
    assert shares == set(itertools.product(ALWAYS, ["30", "100"], ["0", "1"]))
    whole = [r for r in rows if r["share"] == "100" and r["seed"] == "0"]
    for row in whole:
        assert float(row["test_error"]) == pytest.approx(
            results["final"][row["contender"]]["test_error"]
        )


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_measured(small):
    for result in small[1].results["final"].values():
        assert 2**16 < result["peak_bytes"] < 2**30


def test_mcnemar_is_that_of_the_predictions(small):
    _, comparison = small
    y_test = load_images("digits", train_size=SMALL["train_size"]).y_test
    for test in comparison.results["pairs"]:
        a, b = (
            np.array(comparison.results["final"][test[who]]["predicted"]) != y_test
            for who in ("a", "b")
        )
        only_a, only_b = (a & ~b).sum(), (b & ~a).sum()
        assert (test["only_a"], test["only_b"]) == (only_a, only_b)
        expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
        assert test["p_value"] == pytest.approx(expected)
        assert test["p_value"] <= test["p_adjusted"] <= 1


def test_stored_results_are_not_computed_again(no_figures, small, monkeypatch):
    out, first = small

    def fail(*args, **kwargs):
        raise AssertionError("fitted again")

    def refusing(*args, **kwargs):  # in place of joblib.Parallel, for searches and curves
        return lambda calls: [fail() for _ in calls]

    monkeypatch.setattr("skcnn.study.store.Parallel", refusing)
    monkeypatch.setattr(runner, "measure_alone", fail)
    again = run("digits", out=out, verbose=False, **SMALL)
    assert again.results["curves"] == first.results["curves"]
    assert again.results["final"] == first.results["final"]
    assert again.results["conclusions"] == first.results["conclusions"]


@pytest.mark.slow
def test_an_interrupted_run_continues(light, tmp_path, monkeypatch, capsys):
    real, calls = measure.measure_alone, []

    def stopping(pipeline, *args):
        calls.append(list(pipeline.named_steps))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(pipeline, *args)

    monkeypatch.setattr(runner, "measure_alone", stopping)
    arguments = ["compare", "--quick", "--train-size", "100", "--candidates", "1"]
    arguments += ["--seeds", "1", "--n-jobs", "1", "--out", str(tmp_path)]
    assert command_line(arguments) == 130
    assert "again to continue" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
    assert not list(tmp_path.rglob("cache*"))

    assert command_line([*arguments, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert "Report: " in captured.out
    assert captured.err == ""
    # The final fit of the first contender was stored; that of the second one is made again.
    assert calls == [["cnn"], ["hog", "svc"], ["hog", "svc"], ["cnn", "pca", "svc"]]


@pytest.mark.slow
def test_what_exceeds_the_budget_is_left_out_and_reported(light, tmp_path):
    digits = load_images("digits")
    chosen = nested_order(digits.y_train, 0)[:80]
    data = (digits.X_train[chosen], digits.y_train[chosen], digits.X_test[:90], digits.y_test[:90])
    comparison = run(
        data,
        out=tmp_path,
        quick=True,
        candidates=6,
        seeds=1,
        n_jobs=1,
        time_budget=0.01,
        verbose=False,
    )
    results = comparison.results
    assert all(1 <= len(found["rows"]) < 6 for found in results["search"].values())
    assert {row["share"] for row in results["curves"]} == {100}
    assert len(results["skipped"]) == 3  # 10 % is too small, 30 % is left
    assert "did not suffice for 3 fits" in results["conclusions"][-1]
    assert "own images" in comparison.report.read_text(encoding="utf-8")
    assert results["command"].startswith("skcnn.study.comparison.run(data=(X_train")


@pytest.mark.slow
def test_a_search_that_ran_out_of_time_continues_only_with_another_budget(
    light, tmp_path, monkeypatch
):
    digits = load_images("digits")
    data = (digits.X_train[:200], digits.y_train[:200], digits.X_test[:90], digits.y_test[:90])
    settings = {
        "out": tmp_path,
        "quick": True,
        "candidates": 4,
        "seeds": 1,
        "n_jobs": 1,
        "verbose": False,
    }
    first = run(data, time_budget=0.01, **settings)

    # With time left, the curves are completed, but the searches keep their results.
    monkeypatch.setattr("skcnn.study.comparison.settings.Budget.left", 1e9)
    again = run(data, time_budget=0.01, **settings)
    assert first.results["skipped"]
    assert not again.results["skipped"]
    assert again.results["search"] == first.results["search"]
    assert again.results["final"] == first.results["final"]
    # With another budget, the searches continue.
    longer = run(data, time_budget=0.02, **settings)
    assert {len(found["rows"]) for found in longer.results["search"].values()} == {4}


@pytest.mark.slow
def test_halving_search(no_figures, tmp_path):
    comparison = run(
        "digits",
        out=tmp_path,
        train_size=200,
        seeds=1,
        search="halving",
        candidates=4,
        quick=True,
        verbose=False,
    )
    for found in comparison.results["search"].values():
        images = [row["images"] for row in found["rows"]]
        assert images == sorted(images, reverse=True)
        assert images[0] > images[-1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "cifar"}, 'expected "digits", "mnist", or a folder'),
        ({"data": 3}, "four arrays"),
        ({"data": ([1], [2])}, "four arrays"),
        ({"train_size": 0}, "train_size is 0"),
        ({"train_size": 30}, "at least 60 training images"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": True}, "seeds is True"),
        ({"search": "random"}, "search is 'random'"),
        ({"time_budget": 0}, "time_budget is 0"),
        ({"time_budget": np.inf}, "time_budget is inf; expected a positive, finite number"),
        ({"n_jobs": 0}, "n_jobs is 0"),
        ({"candidates": -1}, "candidates is -1"),
    ],
)
def test_invalid_settings_raise(tmp_path, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        run(out=tmp_path / "out", verbose=False, **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y, Z, t: (X, y * 0, Z, t * 0), "all of one class"),
        (lambda X, y, Z, t: (X, y, Z, t + 1), "labels that y_train does not have: [10]"),
        (lambda X, y, Z, t: (X, y, Z[:, 1:], t), "(8, 8, 1)"),
        (lambda X, y, Z, t: (X, y[1:], Z, t), "X_train has 500 images, but y_train has 499 labels"),
        (lambda X, y, Z, t: (X[:30], y[:30], Z, t), "expected at least 6 of each class"),
        (lambda X, y, Z, t: (X, np.eye(10)[y], Z, t), "Use y_train.argmax(axis=1)"),
        (lambda X, y, Z, t: (X, y, Z, np.eye(10)[t]), "Use y_test.argmax(axis=1)"),
        (lambda X, y, Z, t: (X, y, Z, t.astype(str)), "Convert labels of type str to int"),
        (lambda X, y, Z, t: (X, y.astype(str).astype(object), Z, t), "of type int to str"),
        (
            lambda X, y, Z, t: (X, y.astype("datetime64[D]"), Z, t.astype("datetime64[D]")),
            "y_train has labels of type datetime64[D], such as 1970-01-01; expected str",
        ),
        (
            lambda X, y, Z, t: (X, y, Z, t.astype("timedelta64[ns]")),
            "y_test has labels of type timedelta64[ns], such as ",
        ),
        (lambda X, y, Z, t: (X, y * 1e300, Z, t), "labels of type float64, such as "),
        (lambda X, y, Z, t: (X, y, Z, np.longdouble(t)), "Convert them, for example with np."),
    ],
)
def test_invalid_arrays_raise(tmp_path, digits, change, message):
    X, y = digits
    with pytest.raises(ValueError, match=re.escape(message)):
        run(change(X[:500], y[:500], X[500:], y[500:]), out=tmp_path / "out", verbose=False)
    assert not (tmp_path / "out").exists()


def test_the_command_reports_invalid_arguments(tmp_path, capsys):
    assert command_line(["compare", "--data", str(tmp_path / "none")]) == 2
    assert 'expected "digits"' in capsys.readouterr().err
    assert command_line(["compare", "--data", str(tmp_path)]) == 2
    assert "train-images-idx3-ubyte" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command_line(["compare", "--search", "random"])
    assert "grid" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command_line(["unknown"])
    assert "compare" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        command_line(["compare", "--help"])
    assert stop.value.code == 0
    assert "--time-budget" in capsys.readouterr().out


def test_the_command_does_not_import_matplotlib():
    """It takes long to import, and --help does not need it."""
    code = "import sys; import skcnn.study.comparison; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_command_and_run_have_the_same_parameters():
    """Every option of the command is a parameter of `run` with the same default."""
    import inspect

    options = vars(runner.parser().parse_args([]))
    options.pop("quiet")
    parameters = inspect.signature(run).parameters
    assert set(options) == set(parameters) - {"verbose"}
    for name, value in options.items():
        assert value == parameters[name].default


def test_labels_of_a_comparison_of_features():
    """From ten for each class to all, and no subset of more than half of the images but all."""
    y = np.arange(60_000) % 10
    settings = Settings(features=True)
    sizes = [size for _, size in subset_sizes(y, settings.shares(y))[0]]
    assert sizes == [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000]
    few = np.arange(90) % 10
    assert settings.shares(few) == (100,)
    quick = Settings(features=True, quick=True)
    assert [size for _, size in subset_sizes(y, quick.shares(y))[0]] == [100, 60_000]
    assert Settings().shares(y) == SHARES


@pytest.mark.slow
def test_comparison_of_features(tmp_path):
    """With few labels, names as labels and colour; then a default run in the same folder."""
    digits = load_images("digits")
    chosen = np.flatnonzero(np.isin(digits.y_train, (3, 8)))[:80]
    tested = np.flatnonzero(np.isin(digits.y_test, (3, 8)))
    names = np.array(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    )

    def colour(X):
        return np.stack([X, 16 - X, X // 2], axis=-1)

    data = (
        colour(digits.X_train[chosen]),
        names[digits.y_train[chosen]],
        colour(digits.X_test[tested]),
        names[digits.y_test[tested]],
    )
    settings = {"out": tmp_path, "quick": True, "candidates": 1, "seeds": 2, "verbose": False}
    comparison = run(data, features=True, **settings)
    results = comparison.results
    assert list(results["final"]) == list(CONTENDERS)
    labels = {(row["contender"], row["images"], row["seed"]) for row in results["curves"]}
    assert labels == set(itertools.product(CONTENDERS, [20, 80], [0, 1]))
    html = comparison.report.read_text(encoding="utf-8")
    assert "Features of images, compared on own images" in html
    assert "Test images and their reconstructions" in html
    assert "Maps of the features" in html
    assert "against the number of labels" in html
    pictures = tmp_path / "pictures"
    features_only = {"maps", "reconstructions", "filters_autoencoder", "mistakes_daisy_svc"}
    assert features_only <= {path.stem for path in pictures.glob("*.png")}
    assert any(text.startswith("With 20 labels") for text in results["conclusions"])
    assert results["command"].endswith("features=True)")

    again = run(data, **settings)
    assert tuple(again.models) == ALWAYS
    assert {path.stem for path in tmp_path.glob("models/*")} == set(ALWAYS)
    assert not features_only & {path.stem for path in pictures.glob("*.png")}
    assert not list(tmp_path.glob("tables/*daisy*"))
    assert again.results["final"] == {key: results["final"][key] for key in ALWAYS}
