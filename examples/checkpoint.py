"""Go on with a training that was killed
=====================================

The network is stored after every epoch. If the process is killed, the same command goes on where
the file stands, and the result is the same, bit for bit, as if nothing had happened::

    python examples/checkpoint.py --kill-after 3
    python examples/checkpoint.py
    python examples/checkpoint.py --out elsewhere   # not interrupted: the same checksum

The first command kills itself after three epochs. It needs scikit-learn 1.9 and rich, which draws
the progress bar.
"""

import argparse
import os
import signal
import zlib
from pathlib import Path

from sklearn.callback import ProgressBar

from skcnn import ConvNetClassifier
from skcnn.callbacks import Checkpoint, resume_fit
from skcnn.datasets import load_digits_images

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder for the file")
parser.add_argument("--kill-after", type=int, metavar="N", help="kill this process after N epochs")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
path = options.out.expanduser() / "checkpoint.joblib"


class Kill:
    """Callback that kills the process, as the system does when memory runs out."""

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and context.task_id + 1 == options.kill_after:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def teardown(self, estimator, context):
        pass


X, y = load_digits_images()
if options.quick:
    X, y = X[:300], y[:300]
callbacks = [Checkpoint(path), ProgressBar(), Kill()]
if path.exists():
    print(f"Going on from {path}")
    network = resume_fit(path, X, y, callbacks=callbacks)
else:
    network = ConvNetClassifier(max_iter=4 if options.quick else 20, random_state=0)
    network.set_callbacks(*callbacks).fit(X, y)
checksum = zlib.crc32(network.network_.parameters.tobytes())
print(f"{network.n_iter_} epochs; training loss {network.loss_:.4f}; checksum {checksum:08x}")
