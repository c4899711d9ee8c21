"""Each script in examples/ runs on few images and saves its picture."""

import csv
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.idx import write_data_set

from skcnn.datasets import load_digits_images

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

EXAMPLES = Path(__file__).parents[1] / "examples"
# Upper limits of the last error that a script prints, in percent: it must run and also learn.
ERRORS_BELOW = {
    "cnn_features_svc": 15,
    "few_labels": 12,
    "grid_search": 25,
    "image_folder": 40,
    "learning_curve": 40,
    "partial_fit_stream": 50,
    "pipeline": 30,
    "rotation_angle": 80,  # of the error of the mean angle
    "several_digits": 25,
}
SLOW = {"few_labels", "several_digits"}
# Those with --quick that draw no picture have tests of their own, here or in test_clusters.py.
OTHERS = {"checkpoint", "dask_grid_search", "dask_out_of_core", "skore_report"}


def run_example(name, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in ERRORS_BELOW],
)
def test_example_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # Windows
    run_example(name, monkeypatch, "--quick", "--out=~/new")
    pixels = matplotlib.image.imread(tmp_path / "new" / f"{name}.png")
    assert pixels.shape[0] > 200
    assert pixels.shape[1] > 400
    assert len(np.unique(pixels[..., 0])) > 10
    last_error = percentages(capsys.readouterr().out)[-1]
    assert last_error < ERRORS_BELOW[name]


def test_checkpoint_goes_on_after_sigkill(tmp_path):
    pytest.importorskip("sklearn.callback", reason="scikit-learn has no callbacks")
    pytest.importorskip("rich")

    def run(folder, *arguments):
        command = [sys.executable, EXAMPLES / "checkpoint.py", "--quick", "--out", folder]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)

    killed = run(tmp_path / "killed", "--kill-after", "2")
    assert killed.returncode == -signal.SIGKILL
    assert [file.name for file in (tmp_path / "killed").iterdir()] == ["checkpoint.joblib"]
    resumed, whole = run(tmp_path / "killed"), run(tmp_path / "whole")
    assert resumed.stdout.startswith("Going on from")
    assert "checksum" in whole.stdout
    assert resumed.stdout.splitlines()[-1] == whole.stdout.splitlines()[-1]


def percentages(text):
    """All numbers before a percent sign."""
    words = text.replace("%", " % ").split()
    return [float(words[i - 1]) for i, word in enumerate(words) if word == "%"]


def test_image_folder_reads_a_folder_in_colour(tmp_path, monkeypatch, capsys):
    from skimage.io import imsave

    rng = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        for number in range(12):
            image = rng.integers(0, 60, (9 + number, 14, 4 if number % 3 else 3), dtype=np.uint8)
            image[..., channel] += 150
            image[..., 3:] = 255
            path = tmp_path / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            imsave(path, image, check_contrast=False)
    result = run_example(
        "image_folder", monkeypatch, tmp_path / "photos", "--colour", "--out", tmp_path, "--quick"
    )
    assert result["X"].shape == (24, 16, 16, 3)
    assert list(result["network"].classes_) == ["blue", "red"]
    assert "24 images of 2 classes; test error 0.0%" in capsys.readouterr().out
    assert (tmp_path / "image_folder.joblib").exists()


@pytest.fixture
def photos(tmp_path):
    """A folder with train/ and test/, of reddish and bluish images of 16 x 16 pixels."""
    from skimage.io import imsave

    rng = np.random.default_rng(0)
    for part, count in (("train", 20), ("test", 4)):
        for name, channel in (("red", 0), ("blue", 2)):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                image = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
                image[..., channel] += 150
                imsave(tmp_path / part / name / f"{number}.png", image, check_contrast=False)
    return tmp_path


# A busy machine does few steps in this time.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_cifar10_in_minutes_trains_on_a_folder(photos, monkeypatch, capsys):
    tmp_path = photos
    arguments = ("--data", tmp_path, "--out", tmp_path / "out", "--minutes", 0.005)
    run_example("cifar10_in_minutes", monkeypatch, *arguments, "--validate")
    assert "validation accuracy" in capsys.readouterr().out
    run_example("cifar10_in_minutes", monkeypatch, *arguments, 0.01)
    found = percentages(capsys.readouterr().out)
    assert (tmp_path / "out" / "cifar10_in_minutes.png").exists()
    with open(tmp_path / "out" / "cifar10_in_minutes.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["minutes"] for row in rows] == ["0.005", "0.01"]
    columns = ("accuracy_percent", "plain_percent")
    assert [float(row[column]) for row in rows for column in columns] == found


def test_cifar10_in_minutes_has_a_recipe_for_any_time():
    recipe = runpy.run_path(str(EXAMPLES / "cifar10_in_minutes.py"))["recipe"]
    widths = [max(recipe(minutes)["n_filters"]) for minutes in (0.01, 1.9, 2, 4, 6, 9.5, 10, 1000)]
    assert widths == sorted(widths)
    assert widths[1] == widths[2] < widths[5] == widths[6]


@pytest.fixture
def idx_files(tmp_path):
    """A folder with MNIST's four files, which hold scikit-learn's digits in a frame of zeros."""
    X, y = load_digits_images()
    X = np.pad(16 * X.clip(max=15), ((0, 0), (10, 10), (10, 10))).astype(np.uint8)
    y = y.astype(np.uint8)
    write_data_set(tmp_path / "idx", [X[:1000], y[:1000], X[1000:], y[1000:]])
    return tmp_path / "idx"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_mnist_in_seconds_trains_for_the_given_time(idx_files, tmp_path, monkeypatch, capsys):
    arguments = ("--data", idx_files, "--out", tmp_path / "out", "--seconds", 0.05, 0.1)
    names = ("the paper's network", "defaults")
    run_example("mnist_in_seconds", monkeypatch, *arguments, "--recipe", *names)
    with open(tmp_path / "out" / "mnist_in_seconds.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["recipe"], row["max_time"]) for row in rows] == [
        (name, seconds) for name in names for seconds in ("0.05", "0.1")
    ]
    found = [round(float(row["error_percent"]), 2) for row in rows]
    assert percentages(capsys.readouterr().out) == found
    assert (tmp_path / "out" / "mnist_in_seconds.png").exists()


@pytest.mark.slow  # each of two processes imports everything
def test_mnist_in_seconds_averages_two_networks(idx_files, tmp_path, monkeypatch):
    arguments = ("--data", idx_files, "--out", tmp_path / "out", "--recipe", "hour")
    run_example("mnist_in_seconds", monkeypatch, *arguments, "--seconds", 8)
    with open(tmp_path / "out" / "mnist_in_seconds.csv", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["error_percent"]) < 50


@pytest.mark.slow
def test_sweep_of_defaults(idx_files, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    names, out = ("defaults", "Adam"), tmp_path / "out"
    arguments = ("--mnist", idx_files, "--cifar10", photos, "--sizes", 30, "--out", out)
    run_example("sweep_defaults", monkeypatch, *arguments, "--candidates", *names)
    assert "| candidate | digits | MNIST, 30 images | CIFAR-10, 30 images |" in (
        capsys.readouterr().out
    )
    assert (out / "sweep.png").exists()
    with open(out / "sweep.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["candidate"] for row in rows] == list(names)
    assert all(float(row["digits: error"]) < 3 for row in rows)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_ablation_measures_the_variants(photos, monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES / "benchmarks")
    names = ("the recipe", "Adam")
    arguments = ("--data", photos, "--out", photos / "out", "--seconds", 0.2)
    run_example("benchmarks/ablation", monkeypatch, *arguments, "--variants", *names)
    with open(photos / "out" / "ablation.csv", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == list(names)
    assert all(0 <= float(accuracy) <= 100 for row in rows[1:] for accuracy in row[1:3])
    assert "| Adam | " in capsys.readouterr().out


def test_onnx_export_agrees(tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    result = run_example("onnx_export", monkeypatch, "--out", tmp_path / "new")
    assert result["difference"] < 1e-5
    error, equal = percentages(capsys.readouterr().out)
    assert error < 10
    assert equal == 100
    assert (tmp_path / "new" / "digits.onnx").exists()


def test_onnx_export_without_the_runtime(tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    run_example("onnx_export", monkeypatch, "--out", tmp_path)
    assert "install ONNX Runtime" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "package", "install"),
    [
        ("dask_grid_search", "dask.distributed", "skcnn[distributed]"),
        ("dask_out_of_core", "dask.distributed", "skcnn[distributed]"),
        ("dask_out_of_core", "zarr", "skcnn[distributed]"),
        ("skore_report", "skore", "pip install skore"),
    ],
)
def test_what_to_install(name, package, install, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit, match="could not be imported") as raised:
        run_example(name, monkeypatch, "--quick")
    assert install in str(raised.value)


def test_skore_report(monkeypatch, capsys):
    interactive = matplotlib.is_interactive()
    pytest.importorskip("skore", minversion="0.28")
    from sklearn.model_selection import cross_val_score

    matplotlib.interactive(interactive)  # importing skore changes it
    result = run_example("skore_report", monkeypatch, "--quick")
    for name, estimator in result["estimators"].items():
        expected = cross_val_score(estimator, result["X"], result["y"], cv=result["folds"])
        found = result["report"].reports_[name].metrics.accuracy(aggregate=None)
        np.testing.assert_allclose(found.to_numpy().ravel(), expected, rtol=1e-12)
    errors = percentages(capsys.readouterr().out)
    assert len(errors) == 2
    assert max(errors) < 20


def test_image_folder_without_classes(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="which has no subfolders"):
        run_example("image_folder", monkeypatch, tmp_path)


def test_every_example_is_tested():
    scripts = {path.stem for path in EXAMPLES.glob("*.py") if "--quick" in path.read_text("utf-8")}
    assert scripts == set(ERRORS_BELOW) | OTHERS
