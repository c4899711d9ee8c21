"""What the studies share: data, store, sessions, formatting, statistics."""

import math
import os
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import pytest

import skcnn
from skcnn._text import count
from skcnn.study.comparison.settings import Settings
from skcnn.study.data import Images, load_images, nested_order, share_of, subset_sizes
from skcnn.study.formatting import (
    listing,
    p_statement,
    p_value,
    percent,
    plus_minus,
    seconds,
    setting,
    size,
)
from skcnn.study.progress import Reporter
from skcnn.study.provenance import code_checksum, reproducing_command, versions
from skcnn.study.settings import StudySettings
from skcnn.study.statistics import (
    McNemar,
    crossings,
    error_interval,
    error_standard_error,
    exceeds_noise,
    holm,
    mcnemar,
    paired_difference,
    standard_error,
)
from skcnn.study.store import (
    Part,
    Session,
    remember_interrupts,
    write_csv,
    write_json,
    write_text,
)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.01234), "1.23 %"),
        (percent(0.5, 0), "50 %"),
        (plus_minus(1.234, 0.05), "1.23 ± 0.05"),
        (plus_minus(1.234, None), "1.23"),
        (plus_minus(1.234, math.nan), "1.23"),
        (seconds(0.00042), "420 µs"),
        (seconds(0.99951), "1 s"),
        (seconds(12.3), "12.3 s"),
        (seconds(754), "12.6 min"),
        (seconds(72_000), "20 h"),
        (size(1536), "1.5 KiB"),
        (size(300 * 2**20), "300 MiB"),
        (size(2590 * 2**20), "2.53 GiB"),
        (size(None), "not measured"),
        (p_value(0.0321), "0.032"),
        (p_value(1e-9), "< 0.001"),
        (p_statement(0.0321), "p = 0.032"),
        (p_statement(1e-9), "p < 0.001"),
        (count(1, "seed"), "1 seed"),
        (count(1200, "image"), "1,200 images"),
        (setting({"svc__C": 10.0, "svc__gamma": "scale"}), "C=10.0, gamma=scale"),
        (listing(["a", "b", "c"]), "a, b and c"),
        (listing([0]), "0"),
    ],
)
def test_formatting(shown, expected):
    assert shown == expected


def test_error_interval_is_wilsons():
    z, p, n = 1.959964, 0.01, 10_000
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert error_interval(100, n) == pytest.approx((centre - reach, centre + reach))


def test_mcnemar_by_hand():
    a = np.array([1, 1, 1, 0, 0, 0, 0], dtype=bool)
    b = np.array([1, 0, 0, 0, 0, 0, 0], dtype=bool)
    assert mcnemar(a, b) == McNemar(only_a=2, only_b=0, both=1, p_value=0.5)
    assert mcnemar(a, a).p_value == 1.0
    assert mcnemar([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 1]).p_value == 0.125


def test_adjusted_p_values_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


def test_paired_difference_by_hand():
    found = paired_difference([0.3, 0.5], [0.1, 0.1])  # differences of 0.2 and 0.4
    assert found.mean == pytest.approx(0.3)
    assert found.standard_error == pytest.approx(0.1)
    assert not found.clear  # Student's t with one degree of freedom is 12.7
    assert paired_difference([0.05, 0.06, 0.055], [0.02, 0.02, 0.03]).clear
    single = paired_difference([0.5], [0.1])
    assert math.isnan(single.standard_error)
    assert not single.clear


def test_a_difference_that_is_the_same_for_all_seeds_is_not_clear():
    assert not any(
        paired_difference([a / 599] * 3, [b / 599] * 3).clear
        for a, b in [(3, 2), (22, 4), (6, 2), (7, 4), (5, 4), (9, 3)]
    )
    assert not paired_difference([3, 4, 5], [2, 3, 4]).clear
    assert not paired_difference([0.04] * 3, [0.03] * 3).clear
    assert paired_difference([0.04, 0.041, 0.039], [0.03] * 3).clear


def test_noise_of_images_and_seeds():
    assert standard_error([1.0, 3.0]) == pytest.approx(1.0)
    assert math.isnan(standard_error([1.0]))
    assert standard_error([3 / 599] * 3) == 0.0  # the mean of three is another number
    assert error_standard_error(0.02, 10_000) == pytest.approx(0.0014)
    with_seeds = error_standard_error(0.02, 10_000, spread=0.01, n_seeds=4)
    assert with_seeds == pytest.approx(math.hypot(0.0014, 0.005))
    assert not exceeds_noise(0.5, 0.15, 0.2)
    assert exceeds_noise(0.51, 0.15, 0.2)


def test_crossings_by_hand():
    assert crossings([1, 10], [1, 2]) == []
    assert crossings([1, 100], [-1, 1]) == pytest.approx([10])
    assert crossings([1, 10, 100], [-1, 0, 1]) == pytest.approx([10])
    assert crossings([1, 10, 100], [0.02, 0, -0.01]) == pytest.approx([10])
    assert crossings([1, 10, 1000, 10_000], [2, 0, 0, -1]) == pytest.approx([100])
    assert crossings([1, 10, 100], [1, 0, 1]) == []
    assert crossings([1, 10, 100], [0.02, 0.01, -0.01]) == pytest.approx([10**1.5])
    assert len(crossings([1, 10, 100], [1, -1, 1])) == 2


def test_nested_order_keeps_classes_in_proportion():
    y = np.repeat([0, 1, 2], [100, 50, 4])
    for seed in range(5):
        order = nested_order(y, seed)
        assert sorted(order) == list(range(len(y)))
        assert np.bincount(y[order[:6]]).tolist() == [2, 2, 2]
        for n in (30, 60, 154):
            counts = np.bincount(y[order[:n]], minlength=3)
            assert np.all(np.abs(counts - n * np.array([100, 50, 4]) / 154) <= 2)
    assert not np.array_equal(nested_order(y, 0), nested_order(y, 1))


def test_subsets():
    assert share_of(1198, 50) == 599
    assert share_of(20, 1) == 1
    y = np.arange(1000) % 10
    assert subset_sizes(y, (1, 2, 100)) == ([(2, 20), (100, 1000)], [(1, 10)])


def test_training_images_are_cut_in_proportion():
    whole, images = load_images("digits"), load_images("digits", train_size=500)
    assert "Only 500 of the 1,198 training images are used" in images.source
    assert len(images.y_train) == 500
    counts = [np.bincount(y) / len(y) for y in (whole.y_train, images.y_train)]
    np.testing.assert_allclose(*counts, atol=0.01)
    np.testing.assert_array_equal(images.X_test, whole.X_test)
    assert images.fingerprint != whole.fingerprint
    assert load_images("digits", train_size=5000).source == whole.source


def test_mnist_is_known_by_its_test_images(mnist):
    images = Images("some folder", "", *mnist)
    assert images.is_mnist
    assert images.is_full_mnist
    assert not replace(images, X_test=images.X_test[::-1]).is_mnist
    assert not replace(images, y_train=images.y_train[:100]).is_full_mnist


def test_cores_and_seeds(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)

    def workers(n_jobs):
        return StudySettings(data="digits", out="unused", n_jobs=n_jobs).workers

    assert [workers(n) for n in (None, -1, -2, -9, 1, 3, 9)] == [4, 4, 3, 1, 1, 3, 4]
    settings = StudySettings(data="digits", out="unused", seeds=3)
    assert settings.out == Path("unused")
    assert settings.seed_list == [0, 1, 2]


def test_command_that_reproduces_a_report():
    settings = Settings(data="my images", seeds=5, quick=True)
    expected = "python -m skcnn compare --data 'my images' --seeds 5 --quick"
    assert reproducing_command(settings, "compare") == expected
    assert reproducing_command(Settings(), "compare", "a", "b") == "python -m skcnn compare a b"
    arrays = Settings(data=(1, 2, 3, 4), out=Path("somewhere"), n_jobs=2)
    assert reproducing_command(arrays, "compare", "a") == (
        "skcnn.study.comparison.run(['a'], data=(X_train, y_train, X_test, y_test), n_jobs=2)"
    )
    assert versions()["numpy"] == np.__version__


def test_files_are_written_whole(tmp_path, monkeypatch):
    write_text(tmp_path / "new folder" / "file", "old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: 1 / 0)  # the disk is full
    with pytest.raises(ZeroDivisionError):
        write_text(tmp_path / "new folder" / "file", "new")
    assert (tmp_path / "new folder" / "file").read_text() == "old"
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["file"]


def test_results_of_other_code_are_not_reused(tmp_path, monkeypatch):
    package = Path(skcnn.__file__).parent
    copy = tmp_path / "skcnn"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    expected = code_checksum()
    monkeypatch.setattr(skcnn, "__file__", str(copy / "__init__.py"))
    assert code_checksum() == expected

    def append(name):
        with open(copy / name, "a") as file:
            file.write("# changed\n")

    presenting = ("study/comparison/report.py", "study/html.py", "displays/_common.py")
    for name in presenting:
        append(name)
        assert code_checksum() == expected
    computing = (
        "hog.py",
        "displays/_estimators.py",
        "engine/network.py",
        "study/comparison/contenders.py",
    )
    seen = {expected}
    for name in computing:
        append(name)
        seen.add(code_checksum())
    assert len(seen) == 1 + len(computing)


def test_json_has_plain_values(tmp_path):
    value = {"a": np.float64(0.5), "b": np.arange(2), "c": (1, math.nan), "d": Path("x"), "e": True}
    write_json(tmp_path / "file", value)
    text = (tmp_path / "file").read_text().split()
    assert "".join(text) == f'{{"a":0.5,"b":[0,1],"c":[1,null],"d":"{Path("x")!r}","e":true}}'
    write_csv(tmp_path / "table", ["a", "b"], [[1, None], ["x,y", 0.5]])
    assert (tmp_path / "table").read_text() == 'a,b\n1,\n"x,y",0.5\n'


def test_session_finds_results_by_their_settings(tmp_path):
    digits = session(tmp_path)
    final = Part("final", {"seed": 0}, dict)
    assert digits.load(final) is None
    digits.save(final, {"error": 0.01})
    assert digits.load(final) == {"error": 0.01}
    assert digits.load(Part("final", {"seed": 1}, dict)) is None
    assert digits.load(Part("curve", {"seed": 0}, dict)) is None
    assert replace(digits, common={"data": "mnist"}).load(final) is None
    digits.path(final).write_text("{damaged")
    assert digits.load(final) is None


@dataclass(frozen=True)
class Square:
    value: int


def part_of(item):
    return Part("square", {"of": item}, Square)


def squares(items):
    return [Square(item**2) for item in items]


def session(folder, workers=1, check=lambda: None):
    return Session(folder, {"data": "digits"}, Reporter(False), check, workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_session_runs_what_is_missing(tmp_path, workers):
    first = session(tmp_path, workers)
    first.save(part_of(1), Square(-1))
    results = first.load_all([1, 2, 3, 4, 5], part_of)
    assert results == {1: Square(-1)}
    notes = []
    first.run(
        "Squares",
        [(2, 3), (4,), (5,)],
        squares,
        results,
        part_of=part_of,
        describe=lambda item, square: notes.append((item, square)) or "",
        allows=lambda items: items != (4,),
    )
    assert results == {1: Square(-1), 2: Square(4), 3: Square(9), 5: Square(25)}
    assert sorted(notes) == [(2, Square(4)), (3, Square(9)), (5, Square(25))]
    assert session(tmp_path).load_all([1, 2, 3, 4, 5], part_of) == results
    assert first.load(part_of(2)) == Square(4)
    assert first.load(part_of(4)) is None


def test_interrupted_results_are_not_stored(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with remember_interrupts() as check:
        interrupted = session(tmp_path, check=check)
        interrupted.save(part_of(1), Square(1))
        with pytest.raises(KeyboardInterrupt):  # which a fit would catch
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupted.save(part_of(2), Square(4))
    assert signal.getsignal(signal.SIGINT) is before  # in a background job, it is ignored
    assert interrupted.load(part_of(1)) == Square(1)
    assert interrupted.load(part_of(2)) is None


def test_progress_counts_steps(capsys):
    with Reporter().stage("Fits", total=3) as stage:
        for note in ("a", "b", "c"):
            stage.advance(note)
    with Reporter(False).stage("Silent", total=1) as stage:
        stage.advance()
    assert capsys.readouterr().err.split("] ")[1:] == ["Fits: 3 of 3: c\n"]
