"""Class labels: which values can be labels, and how they are compared.

Labels are compared as Python compares them: 1, 1.0 and True are equal, but "1" is another label.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning

from skcnn._warn import warn_caller

MOST_SHOWN = 10  # labels in a message
_KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "str", "O": "str"}
_INTEGERS: tuple[type, ...] = (int, np.integer)
_FLOATS: tuple[type, ...] = (float, np.floating)
_MISSING = {"NoneType": "None", "NAType": "NA", "NaTType": "NaT"}  # NA and NaT are those of pandas


def check_labels(y: ArrayLike, name: str = "y") -> NDArray[Any]:
    """Check class labels and return them as an array (n,) that can be sorted and compared.

    A column (n, 1) is flattened, with a DataConversionWarning.

    Raises
    ------
    ValueError
        If `y` is not one label per image: not 1-D, not finite, continuous, of mixed or of unknown
        types, or if labels are missing.
    """
    array = _as_array(y, name)
    if array.ndim != 1:
        array = _flatten(array, y, name)
    if array.dtype.kind in "OT":
        _check_objects(array.astype(object), name)
    elif array.dtype.kind == "U" and not hasattr(y, "__array__"):
        # NumPy makes strings of the list [0, "a", None].
        _check_objects(np.asarray(y, dtype=object).ravel(), name)
    _check_dtype(array, name)
    return array


def check_same_length(
    images: NDArray[Any], y: NDArray[Any], X_name: str, y_name: str, what: str = "label"
) -> None:
    """Check that there is one target, which the message calls `what`, for each image.

    `X_name` and `y_name` are the names of the arguments.
    """
    if len(images) != len(y):
        one_image = f" If {X_name} is one image, pass {X_name}[None]." if len(y) == 1 else ""
        raise ValueError(
            f"{X_name} has {len(images)} images, but {y_name} has {len(y)} {what}s; expected one "
            f"{what} for each image. Check how {X_name} and {y_name} were selected.{one_image}"
        )


def encode(labels: NDArray[Any], classes: NDArray[Any], name: str) -> NDArray[np.intp]:
    """Indices (n,) in `classes` of checked labels; ValueError if some are not among the classes."""
    values, inverse = np.unique(labels, return_inverse=True)
    places = find(values, classes)
    unknown = places < 0
    if not unknown.any():
        return places[inverse]
    remedy = "Correct the labels, or leave these images out."
    if not comparable(values, classes):
        remedy = (
            f"The labels are {kind_of(values)} and the classes are {kind_of(classes)}: convert "
            f"them, for example with {_conversion(name, classes)}."
        )
    raise ValueError(
        f"{name} has the labels {show(values[unknown])}; expected labels among the classes "
        f"{show(classes)}. {remedy}"
    )


def find(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    """Index in `classes` of each of a few checked labels; -1 if it is none of them."""
    if not comparable(labels, classes):
        return np.full(len(labels), -1)
    if labels.dtype.kind in "mM":  # the hash of a date may depend on its resolution
        finest = np.promote_types(labels.dtype, classes.dtype)
        labels, classes = labels.astype(finest), classes.astype(finest)
    index = index_of(classes)
    return np.array([index.get(label, -1) for label in _hashable(labels)], dtype=np.intp)


def index_of(classes: NDArray[Any]) -> dict[Any, int]:
    """The index of each class, by its label."""
    return {label: index for index, label in enumerate(_hashable(classes))}


def comparable(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether checked labels of the two arrays can be equal: both are numbers, or both are text."""
    numbers = ("bool", "int", "float")
    kinds = kind_of(a), kind_of(b)
    return kinds[0] == kinds[1] or (kinds[0] in numbers and kinds[1] in numbers)


def kind_of(labels: NDArray[Any]) -> str:
    """Name of the type of checked labels: "bool", "int", "float", "str" or another dtype's name."""
    return _KINDS.get(labels.dtype.kind, labels.dtype.type.__name__)


def show(labels: NDArray[Any]) -> str:
    """Labels as text, the first few of many."""
    shown = labels[:MOST_SHOWN].tolist()
    if len(labels) <= MOST_SHOWN:
        return f"{shown}"
    return f"[{', '.join(map(repr, shown))}, ...]"


def _hashable(labels: NDArray[Any]) -> list[Any]:
    # tolist() would make int of dates in nanoseconds.
    return list(labels) if labels.dtype.kind in "mM" else labels.tolist()


def _conversion(name: str, classes: NDArray[Any]) -> str:
    """How to convert labels to the type of the classes."""
    kind = kind_of(classes)
    return f"np.asarray({name}).astype({kind if kind in _KINDS.values() else repr(kind)})"


def _as_array(y: Any, name: str) -> NDArray[Any]:
    """`y` as an array of any shape and type."""
    if issparse(y):
        raise ValueError(
            f"{name} is a sparse {type(y).__name__} of shape {y.shape}; expected an array of "
            f"labels of shape (n,). Pass {name}.toarray().argmax(axis=1) if its columns are the "
            f"classes, and {name}.toarray().ravel() if it is a column of labels."
        )
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        refuse_missing(name, "masked values", int(np.ma.getmaskarray(y).sum()), y.size)
    try:
        return np.asarray(y)
    except ValueError as error:
        raise ValueError(
            f"{name} is a {type(y).__name__} of sequences of different lengths; expected one label "
            "for each image. For several labels of an image, pass an array (n, n_labels) of 0 and "
            "1, for example from sklearn.preprocessing.MultiLabelBinarizer."
        ) from error


def _flatten(array: NDArray[Any], y: Any, name: str) -> NDArray[Any]:
    """A column as a 1-D array; ValueError for every other shape, with the way to make labels."""
    if array.ndim == 0:
        raise ValueError(
            f"{name} is {y!r:.40}, of type {type(y).__name__}; expected an array of labels of "
            "shape (n,). Pass an array or a list with one label for each image."
        )
    if array.shape[1:] == (1,):
        warn_caller(
            f"A column-vector {name} was passed when a 1d array was expected. Please change the "
            f"shape of {name} to (n_samples,), for example using ravel().",
            DataConversionWarning,
        )
        return array.ravel()
    found, expected = f"{name} has shape {array.shape}", "expected one label for each image"
    if array.size == max(array.shape):
        raise ValueError(f"{found}; {expected}, shape ({array.size},). Pass np.ravel({name}).")
    expected += f", shape ({len(array)},)"
    if array.ndim > 2:
        raise ValueError(f"{found}; {expected}. Check whether {name} holds images.")
    _check_missing(array, name)
    if hasattr(y, "idxmax"):  # a DataFrame, whose columns have the names of the classes
        largest = f"{name}.idxmax(axis=1)"
    else:
        largest = f"{name}.argmax(axis=1)" if hasattr(y, "argmax") else f"np.argmax({name}, axis=1)"
    if rows := _describe_rows(array):
        raise ValueError(f"{found} and {rows}; {expected}. Use {largest}.")
    text = ""
    if all(isinstance(label, str) and label in ("0", "1") for label in array.flat):
        text = f" convert text with {name}.astype(int);"
    raise ValueError(
        f"{found}; {expected}. Select a column. (For several labels of an image, "
        f"ConvNetClassifier.fit takes an indicator matrix of the numbers 0 and 1;{text} for "
        "several classes in each column, use sklearn.multioutput.MultiOutputClassifier.)"
    )


def _describe_rows(array: NDArray[Any]) -> str:
    """What the rows of a 2-D array have in common if their largest values tell the classes."""
    try:
        numbers = array.astype(np.float64)
    except (TypeError, ValueError):
        return ""
    # A comparison with NaN is False.
    if not ((numbers >= 0).all() and np.allclose(numbers.sum(axis=1), 1, atol=1e-3)):
        return ""
    if np.isin(numbers, (0, 1)).all():
        return "a single 1 in each row (one-hot)"
    return "rows that sum to 1 (probabilities)"


def _check_objects(array: NDArray[Any], name: str) -> None:
    """Refuse missing labels and mixed types in an object array (n,)."""
    _check_missing(array, name)
    types = set(map(type, array))
    if len(set(map(_group, types))) > 1:
        examples = {_group(type(label)): label for label in array}
        both = [f"{label!r} ({type(label).__name__})" for label in examples.values()]
        raise ValueError(
            f"{name} mixes types, such as {' and '.join(both)}; expected labels of one type. "
            f"Convert them, for example with [str(label) for label in {name}]."
        )


def _check_missing(array: NDArray[Any], name: str) -> None:
    """Refuse missing labels in an array of any shape."""
    labels, kind = array.ravel(), array.dtype.kind
    types = set(map(type, labels)) if kind == "O" else set()
    if kind in "fmM":
        missing = np.isnan(labels)
    elif any(issubclass(found, _FLOATS) or found.__name__ in _MISSING for found in types):
        missing = np.array([is_missing(label) for label in labels])
    else:
        return
    if missing.any():
        first = labels[missing.argmax()]
        what = "NaT" if kind in "mM" else _MISSING.get(type(first).__name__, "NaN")
        refuse_missing(name, what, missing.sum(), len(labels))


def _group(found: type) -> str:
    """Name of the type of a label; all numbers have the same."""
    if issubclass(found, bool | np.bool_):
        return "bool"
    if issubclass(found, _INTEGERS + _FLOATS):
        return "number"
    return "str" if issubclass(found, str) else found.__name__


def is_missing(label: object) -> bool:
    """Whether a value stands for a missing one: None, NaN, NA or NaT."""
    if isinstance(label, _FLOATS):
        return bool(label != label)
    return type(label).__name__ in _MISSING


def _check_dtype(array: NDArray[Any], name: str) -> None:
    """Refuse dtypes and values that cannot be labels, as scikit-learn does."""
    kind = array.dtype.kind
    if kind in "fmM":
        _check_missing(array, name)
    if kind == "f":
        if np.isinf(array).any():
            raise ValueError(
                f"Input {name} contains infinity; expected class labels. Correct these labels, or "
                "leave their images out."
            )
        fractions = array[array != np.floor(array)]
        if len(fractions):
            raise ValueError(
                f"Unknown label type: continuous. {name} has values such as {fractions[0]!s}; "
                "expected class labels, which are str, bool or whole numbers. Divide the values "
                f"into classes, for example with np.digitize; if they are names, use "
                f"[str(label) for label in {name}]."
            )
    elif kind not in "biumMU" and len(array):
        first = array[:1].tolist()[0]
        group = _group(type(first))
        if kind == "O" and group == "str":
            return
        if group == "number" and any(abs(label) >= 2**63 for label in array.tolist()):
            group = "large number"  # which NumPy cannot convert
        convert = {
            "str": f"{name}.astype(object)",
            "bytes": f"[label.decode() for label in {name}]",
            "bool": f"np.asarray({name}, dtype=bool)",
            "number": f"np.asarray({name}, dtype=int)",
        }.get(group, f"[str(label) for label in {name}]")
        raise ValueError(
            f"Unknown label type: {array.dtype}. {name} has labels such as {first!r:.80} "
            f"({type(first).__name__}); expected an array of str, bool or integers of at most "
            f"64 bits. Convert it, for example with {convert}."
        )


def refuse_missing(name: str, what: str, count: int, of: int, target: str = "label") -> NoReturn:
    """Raise the error about missing targets, which it calls `target`."""
    raise ValueError(
        f"Input {name} contains {what}: {count} of {of} {target}s are missing; expected a {target} "
        f"for every image. Leave these images out{', or label them' * (target == 'label')}."
    )
