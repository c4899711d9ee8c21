"""Initial values of parameters and of state that is not trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

InitName = Literal["he", "glorot", "uniform", "zeros"]


class Initializer(Protocol):
    """Draws the initial values of one array."""

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Uniform:
    """Uniform over [-limit, limit).

    A limit of 0 returns zeros but still advances the generator, so that later draws do not change.
    """

    limit: float

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return rng.uniform(-self.limit, self.limit, shape)


@dataclass(frozen=True)
class Constant:
    """One value everywhere; nothing is drawn."""

    value: float

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return np.full(shape, self.value)


def initializer(name: InitName, fan_in: int = 0, fan_out: int = 0) -> Initializer:
    """The initial distribution of a parameter by its name.

    Parameters
    ----------
    name : {"he", "glorot", "uniform", "zeros"}
        "he": uniform within ``sqrt(6 / fan_in)``, for layers before a ReLU (He et al., ICCV 2015);
        "glorot": within ``sqrt(6 / (fan_in + fan_out))`` (Glorot & Bengio, AISTATS 2010);
        "uniform": U[-1, 1) (Bastani & Wang 2014); "zeros".
    fan_in, fan_out : int
        Number of inputs that an output depends on, and of outputs that an input contributes to;
        required by "he" and "glorot".

    Raises
    ------
    ValueError
        If the name is unknown, or `fan_in` or `fan_out` is missing.

    Examples
    --------
    >>> from skcnn.engine.initialization import initializer
    >>> initializer("he", fan_in=6)
    Uniform(limit=1.0)
    """
    if (name == "he" and fan_in < 1) or (name == "glorot" and min(fan_in, fan_out) < 1):
        raise ValueError(
            f"init={name!r} has fan_in={fan_in} and fan_out={fan_out}; expected positive numbers. "
            "Pass the numbers of inputs and outputs of the parameter."
        )
    if name == "he":
        return Uniform(math.sqrt(6 / fan_in))
    if name == "glorot":
        return Uniform(math.sqrt(6 / (fan_in + fan_out)))
    if name in ("uniform", "zeros"):
        return Uniform(1.0 if name == "uniform" else 0.0)
    raise ValueError(f"init is {name!r}; expected 'he', 'glorot', 'uniform' or 'zeros'.")
