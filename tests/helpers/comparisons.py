"""Comparisons of `skcnn.study` that take seconds."""

from collections import defaultdict
from contextlib import contextmanager

import numpy as np
import pytest

# Arguments of skcnn.study.comparison.run.
SMALL = {"train_size": 120, "seeds": 2, "candidates": 2, "quick": True}


@contextmanager
def without_figures(folder):
    """Reports have the same small picture everywhere, a file in `folder`: drawing takes seconds."""
    from skimage.io import imsave

    from skcnn.study.comparison import runner

    path = folder / "picture.png"
    imsave(path, np.zeros((2, 2), np.uint8), check_contrast=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "draw", lambda *arguments: defaultdict(lambda: path))
        yield
