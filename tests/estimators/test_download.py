"""The loaders of published data sets download from a local server, whatever goes wrong."""

import errno
import hashlib
import io
import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from urllib.parse import urlparse

import pytest
from helpers import mirrors
from helpers.idx import NAMES
from numpy.testing import assert_array_equal

from skcnn import datasets
from skcnn._files import cifar10, download, progress, remote_data_sets
from skcnn._files.download import RemoteFile

pooch = pytest.importorskip("pooch")

LOADERS = {
    "MNIST": datasets.load_mnist,
    "FASHION_MNIST": datasets.load_fashion_mnist,
    "KMNIST": datasets.load_kmnist,
    "EMNIST": lambda: datasets.load_emnist(split="letters"),
    "CIFAR10": datasets.load_cifar10,
}


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """The folder of the cache, which does not exist yet."""
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SKCNN_DATA", raising=False)
    monkeypatch.setattr(cifar10, "_IMAGES_PER_BATCH", mirrors.IMAGES_PER_BATCH)
    pooch.get_logger().setLevel("ERROR")
    return tmp_path / "cache" / "skcnn"


@pytest.fixture
def server(cache):
    with mirrors.local_server() as (root, answers, requested):
        yield root, answers, requested


@pytest.fixture
def publish(server, monkeypatch):
    """Puts small copies of data sets on both mirrors; returns the arrays of one."""

    def publish(name):
        root, answers, _ = server
        data_set, arrays = mirrors.small_copy(name, root, answers)
        monkeypatch.setattr(remote_data_sets, name, data_set)
        return arrays

    return publish


def assert_loads(name, arrays):
    for loaded, array in zip(LOADERS[name](), arrays, strict=True):
        assert loaded.dtype == array.dtype
        assert_array_equal(loaded, array)


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def names_in_cache(name):
    data_set = getattr(remote_data_sets, name)
    return sorted(f"{data_set.folder}/{file.name}" for file in data_set.files)


@pytest.mark.parametrize("name", mirrors.ALL)
def test_each_data_set_is_downloaded_once(name, publish, server, cache):
    _, _, requested = server
    arrays = publish(name)
    for _ in range(2):
        assert_loads(name, arrays)
    data_set = getattr(remote_data_sets, name)
    assert requested == [f"/first/{data_set.folder}/{file.name}" for file in data_set.files]
    assert files_in(cache) == names_in_cache(name)


def test_data_sets_do_not_share_files(publish, cache):
    """Three of them have the same file names."""
    arrays = {name: publish(name) for name in mirrors.ALL}
    for name in mirrors.ALL:
        LOADERS[name]()
    for name in mirrors.ALL:
        assert_loads(name, arrays[name])
    assert len(files_in(cache)) == 3 * 4 + 2


@pytest.mark.parametrize("name", ["KMNIST", "EMNIST", "CIFAR10"])
@pytest.mark.parametrize(
    "failure",
    [
        mirrors.not_found,
        mirrors.server_error,
        mirrors.other_content,
        mirrors.half_of_known_length,
        mirrors.half_of_unknown_length,
    ],
)
def test_second_mirror(name, failure, publish, server, cache):
    _, answers, requested = server
    arrays = publish(name)
    answers.update(dict.fromkeys([path for path in answers if "first" in path], failure))
    assert_loads(name, arrays)
    assert files_in(cache) == names_in_cache(name)
    # Where the first file was not, the others are not looked for.
    assert sum("first" in path for path in requested) == 1


def test_second_mirror_for_one_file(publish, server, cache):
    _, answers, _ = server
    arrays = publish("MNIST")
    del answers[f"/first/mnist/{NAMES[0]}.gz"], answers[f"/second/mnist/{NAMES[1]}.gz"]
    assert_loads("MNIST", arrays)
    assert files_in(cache) == names_in_cache("MNIST")


def test_a_mirror_that_does_not_answer(publish, server, cache, monkeypatch):
    _, answers, _ = server
    arrays = publish("MNIST")
    over = threading.Event()
    monkeypatch.setattr(download, "_TIMEOUT", 0.2)
    answers[f"/first/mnist/{NAMES[0]}.gz"] = lambda handler: over.wait(60)
    start = time.monotonic()
    try:
        assert_loads("MNIST", arrays)
    finally:
        over.set()
    assert time.monotonic() - start < 20
    assert files_in(cache) == names_in_cache("MNIST")


def offline(monkeypatch, name):
    """Let all addresses of a data set be those of a server that does not run."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    data_set = getattr(remote_data_sets, name)
    files = [
        replace(
            file,
            sources=tuple((re.sub(r"//[^/]+", f"//{address}", u), h) for u, h in file.sources),
        )
        for file in data_set.files
    ]
    monkeypatch.setattr(remote_data_sets, name, replace(data_set, files=tuple(files)))


@pytest.mark.parametrize("name", mirrors.ALL)
def test_offline(name, publish, cache, monkeypatch):
    """An error that says what to do; files in the cache are read without a connection."""
    arrays = publish(name)
    offline(monkeypatch, name)
    with pytest.raises(OSError, match=r"could not be downloaded; .* as data_home") as error:
        LOADERS[name]()
    assert len(str(error.value).splitlines()) == 3  # one for each mirror
    assert ("SKCNN_DATA" in str(error.value)) == (name == "MNIST")
    assert files_in(cache) == []
    publish(name)
    LOADERS[name]()
    offline(monkeypatch, name)
    assert_loads(name, arrays)


def test_the_error_names_each_mirror_and_its_failure(publish, server, cache):
    root, answers, _ = server
    publish("FASHION_MNIST")
    name = f"fashion_mnist/{NAMES[2]}.gz"
    answers[f"/first/{name}"] = mirrors.half_of_known_length
    answers[f"/second/{name}"] = mirrors.other_content
    with pytest.raises(OSError, match=r"t10k-images.* of Fashion-MNIST could not be") as error:
        datasets.load_fashion_mnist()
    first, second = str(error.value).splitlines()[1:]
    assert re.match(rf"  {root}/first/{name}: .*(IncompleteRead|hash)", first)
    assert re.match(rf"  {root}/second/{name}: SHA256 hash of downloaded file", second)
    assert files_in(cache) == [f"fashion_mnist/{name}.gz" for name in NAMES[:2]]


def test_interrupted_in_the_middle(publish, server, cache, monkeypatch):
    """Ctrl-C leaves nothing in the cache, and the next call downloads the file."""
    _, answers, requested = server
    arrays = publish("MNIST")
    path = f"/first/mnist/{NAMES[0]}.gz"
    content, over = answers[path], threading.Event()

    def send_half(handler):
        handler.send(content[: len(content) // 2], length=len(content))
        over.wait(60)

    def interrupt(self, text):
        assert re.match(f"Downloading {NAMES[0]}.gz of MNIST: 0.0 of 0.0 MB", text)
        assert len(files_in(cache)) == 0
        assert len(list((cache / "mnist").iterdir())) == 1  # the temporary file
        raise KeyboardInterrupt

    answers[path] = send_half
    with monkeypatch.context() as patched:
        patched.setattr(download, "_CHUNK", 16)
        patched.setattr(progress.ProgressLine, "show", interrupt)
        try:
            with pytest.raises(KeyboardInterrupt):
                datasets.load_mnist()
        finally:
            over.set()
    assert list((cache / "mnist").iterdir()) == []
    assert requested == [path]  # no other mirror was tried
    answers[path] = content
    assert_loads("MNIST", arrays)


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[:-1], lambda c: c[:-1] + b"?"])
@pytest.mark.parametrize("name", ["KMNIST", "EMNIST", "CIFAR10"])
def test_a_damaged_file_in_the_cache_is_replaced(name, damage, publish, server, cache):
    _, _, requested = server
    arrays = publish(name)
    LOADERS[name]()
    requested.clear()
    path = cache / names_in_cache(name)[0]
    path.write_bytes(damage(path.read_bytes()))
    assert_loads(name, arrays)
    assert [request.rpartition("/")[2] for request in requested] == [path.name]
    assert files_in(cache) == names_in_cache(name)


def test_another_packing_of_the_same_files(publish, server, cache, monkeypatch):
    """A mirror may have a hash of its own; what it delivered is not downloaded again."""
    root, answers, requested = server
    arrays = publish("EMNIST")
    data_sets = {"letters": arrays}
    content = mirrors.emnist_archive(data_sets, folder="")
    answers["/other/emnist.zip"] = content
    file = remote_data_sets.EMNIST.files[0]
    other = (f"{root}/other/emnist.zip", hashlib.sha256(content).hexdigest())
    answers["/first/emnist/gzip.zip"] = mirrors.not_found
    files = (RemoteFile(file.name, (file.sources[0], other)),)
    monkeypatch.setattr(remote_data_sets, "EMNIST", replace(remote_data_sets.EMNIST, files=files))
    for _ in range(2):
        assert_loads("EMNIST", arrays)
    assert requested == ["/first/emnist/gzip.zip", "/other/emnist.zip"]


def test_threads_at_once(publish, cache):
    arrays = publish("FASHION_MNIST")
    start = threading.Barrier(4)

    def load():
        start.wait()
        return datasets.load_fashion_mnist()

    with ThreadPoolExecutor(4) as pool:
        results = [job.result() for job in [pool.submit(load) for _ in range(4)]]
    for result in results:
        for loaded, array in zip(result, arrays, strict=True):
            assert_array_equal(loaded, array)
    assert files_in(cache) == names_in_cache("FASHION_MNIST")


def test_processes_at_once(publish, server, cache):
    """Two processes download each file at the same time: the server waits for both of them."""
    _, answers, requested = server
    arrays = publish("KMNIST")
    both = threading.Barrier(2)

    def send_to_both(content, handler):
        both.wait(200)
        handler.send(content)

    answers.update({path: partial(send_to_both, answers[path]) for path in answers})
    program = textwrap.dedent(
        """
        import sys
        import pooch
        from pathlib import Path
        from skcnn._files.download import RemoteDataSet, RemoteFile, fetch

        pooch.os_cache = lambda project: Path(sys.argv[1])
        data_set = eval(sys.argv[2])
        print(*fetch(data_set), sep="\\n")
        """
    )
    command = [sys.executable, "-c", program, str(cache), repr(remote_data_sets.KMNIST)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in running:
        printed, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
        assert len(printed.splitlines()) == 4
    assert files_in(cache) == names_in_cache("KMNIST")
    assert len(requested) == 8
    assert_loads("KMNIST", arrays)
    assert len(requested) == 8  # the files are intact


@pytest.mark.parametrize("name", mirrors.ALL)
def test_without_pooch(name, cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(
        ImportError, match=r'needs pooch.* pip install "skcnn\[data\]".*as data_home'
    ):
        LOADERS[name]()


def test_the_cache_cannot_be_made(publish, server, cache):
    """Not a failure of the mirrors: they are not asked."""
    _, _, requested = server
    publish("KMNIST")
    cache.parent.mkdir()
    cache.touch()
    with pytest.raises(OSError, match=r"the cache is the folder .*kmnist, which cannot be used"):
        datasets.load_kmnist()
    assert requested == []


def test_no_room_on_the_disk(publish, cache, monkeypatch):
    publish("KMNIST")

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download, "_retrieve", full)
    with pytest.raises(OSError, match=r"cannot be written: No space left.*expected room .* Free"):
        datasets.load_kmnist()
    assert files_in(cache) == []


def test_remnants_of_killed_processes_are_removed(publish, cache):
    arrays = publish("MNIST")
    folder = cache / "mnist"
    folder.mkdir(parents=True)
    old, young = folder / "tmpabcdefgh", folder / "tmpijklmnop"
    for path in (old, young):
        path.write_bytes(b"part of a file")
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(old, (two_days_ago, two_days_ago))
    assert_loads("MNIST", arrays)
    assert young.exists()
    assert not old.exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("length", [None, "unknown"])
def test_progress_in_a_terminal(length, publish, server, cache, monkeypatch):
    """One line, which is erased at the end; without a terminal, nothing."""
    _, answers, _ = server
    publish("CIFAR10")
    path = "/first/cifar10/cifar-10-binary.tar.gz"
    content = answers[path]
    answers[path] = lambda handler: handler.send(content, length=length)
    monkeypatch.setattr(progress, "_AFTER", 0)
    monkeypatch.setattr(progress, "_EVERY", 0)
    monkeypatch.setattr(download, "_CHUNK", 10_000)
    monkeypatch.setattr(sys, "stderr", Terminal())
    datasets.load_cifar10()
    shown = sys.stderr.getvalue()
    total = "" if length else r" of 0\.1"
    assert re.search(
        rf"\rDownloading cifar-10-binary\.tar\.gz of CIFAR-10: 0\.0{total} MB\r", shown
    )
    assert re.search(r" +\r$", shown)
    assert "\n" not in shown
    (cache / "cifar10" / "cifar-10-binary.tar.gz").unlink()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    datasets.load_cifar10()
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("name", mirrors.ALL)
def test_the_table_of_data_sets(name):
    """A typing error in a hash or an address would only be found by a download."""
    data_set = getattr(remote_data_sets, name)
    hashes = [sha256 for file in data_set.files for _, sha256 in file.sources]
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in hashes)
    assert len(set(hashes)) == {"EMNIST": 2, "CIFAR10": 1}.get(name, 4)
    for file in data_set.files:
        urls = [urlparse(url) for url, _ in file.sources]
        assert len({url.netloc for url in urls}) == 2
        assert all(url.path.endswith(file.name) for url in urls)
