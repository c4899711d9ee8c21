"""Two mirrors of small data sets on a local server, and what may go wrong with them."""

import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from helpers.idx import idx_bytes, small_data_set
from skcnn._files import remote_data_sets
from skcnn._files.download import RemoteFile

ALL = ("MNIST", "FASHION_MNIST", "KMNIST", "EMNIST", "CIFAR10")  # in `remote_data_sets`
IMAGES_PER_BATCH = 4  # of the small CIFAR-10


class Handler(BaseHTTPRequestHandler):
    """Serves a dict from paths to contents, or to functions that answer; lists the requests."""

    def __init__(self, answers, requested, *args):
        self.answers, self.requested = answers, requested
        super().__init__(*args)

    def do_GET(self):
        self.requested.append(self.path)
        answer = self.answers.get(self.path, not_found)
        if callable(answer):
            answer(self)
        else:
            self.send(answer)

    def send(self, content, status=200, length=None):
        self.send_response(status)
        if length != "unknown":
            self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@contextmanager
def local_server():
    """(root, answers, requested): a server, what it answers to each path, and the requests."""
    answers, requested = {}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, answers, requested))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", answers, requested
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def not_found(handler):
    handler.send(b"<html>Not found</html>", status=404)


def server_error(handler):
    handler.send(b"<html>Busy</html>", status=503)


def other_content(handler):
    handler.send(b"<html>We have moved.</html>")


def half(handler, length):
    """The beginning of a file; then the connection ends."""
    handler.send(b"\x1f\x8b" + bytes(18), length=length)


half_of_known_length = partial(half, length=1000)
half_of_unknown_length = partial(half, length="unknown")


def small_contents(name):
    """Contents of the files of a small data set in the published form, and its arrays."""
    if name == "EMNIST":
        data_sets = {split: small_data_set(seed=n) for n, split in enumerate(("letters", "mnist"))}
        return [emnist_archive(data_sets)], data_sets["letters"]
    if name == "CIFAR10":
        arrays = small_cifar10()
        return [cifar10_archive(cifar10_batches(arrays))], arrays
    arrays = small_data_set(seed=ALL.index(name))
    return [gzip.compress(idx_bytes(array)) for array in arrays], arrays


def small_copy(name, root, answers):
    """A data set with small files, which two mirrors on the server have."""
    data_set = getattr(remote_data_sets, name)
    contents, arrays = small_contents(name)
    files = []
    for file, content in zip(data_set.files, contents, strict=True):
        sha256 = hashlib.sha256(content).hexdigest()
        paths = [f"/{mirror}/{data_set.folder}/{file.name}" for mirror in ("first", "second")]
        answers.update(dict.fromkeys(paths, content))
        files.append(RemoteFile(file.name, tuple((f"{root}{path}", sha256) for path in paths)))
    return replace(data_set, files=tuple(files)), arrays


def emnist_archive(data_sets, folder="gzip/", ending=".gz"):
    """A ZIP archive with the files of some splits, whose images are stored transposed."""
    archived = io.BytesIO()
    with zipfile.ZipFile(archived, "w") as archive:
        archive.writestr(f"{folder}emnist-letters-mapping.txt", "1 65 97")
        for split, arrays in data_sets.items():
            for name, array in zip(emnist_names(split), arrays, strict=True):
                content = idx_bytes(array.swapaxes(1, 2) if array.ndim == 3 else array)
                content = gzip.compress(content) if ending else content
                archive.writestr(f"{folder}{name}{ending}", content)
    return archived.getvalue()


def emnist_names(split):
    return [
        f"emnist-{split}-{part}-{kind}-ubyte"
        for part in ("train", "test")
        for kind in ("images-idx3", "labels-idx1")
    ]


def small_cifar10(seed=0):
    """Five batches of training images, one of test images, with labels."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, 256 if size else 10, (n * IMAGES_PER_BATCH, *size), dtype=np.uint8)
        for n in (5, 1)
        for size in ((32, 32, 3), ())
    ]


def cifar10_batches(arrays):
    """The arrays as files of the binary version of CIFAR-10: names and contents."""
    X, y = np.concatenate(arrays[::2]), np.concatenate(arrays[1::2])
    pixels = np.moveaxis(X, 3, 1)
    records = [bytes([label]) + image.tobytes() for label, image in zip(y, pixels, strict=True)]
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    return {
        name: b"".join(records[start : start + IMAGES_PER_BATCH])
        for name, start in zip(names, range(0, len(y), IMAGES_PER_BATCH), strict=True)
    }


def cifar10_archive(batches, folder="cifar-10-batches-bin/", mode="w:gz"):
    """A tar archive; the batches come in another order than their numbers."""
    archived = io.BytesIO()
    others = {"readme.html": b"<html>", "batches.meta.txt": b"airplane\nautomobile\n"}
    with tarfile.open(fileobj=archived, mode=mode) as archive:
        for name, content in [*others.items(), *reversed(batches.items())]:
            member = tarfile.TarInfo(f"{folder}{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return archived.getvalue()
