"""Files of weights as Keras writes them (HDF5), without Keras.

In a file, `layers/KIND_NUMBER/vars/INDEX` is an array, and the attribute
`name` of its group says which layer it belongs to. Whatever else is there is
the optimizer's. Half precision is a way to store weights: every reader gets
float32.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Of use to those alone who have no Keras in their process.
import h5py
import numpy as np

DTYPES = ("float16", "float32")


def read_arrays(file: Path) -> dict[str, list[np.ndarray]]:
    """Reads the weights of a network.

    Args:
      file: Of the weights.

    Returns:
      float32 arrays by the names of the layers, in the order in which Keras
      keeps the variables of a layer.

    Raises:
      OSError, TypeError, ValueError, KeyError: No file of named and finite
        weights.
    """
    groups: dict[str, dict[int, np.ndarray]] = {}
    with h5py.File(file) as weights:
        for path, item in _arrays_in(weights):
            group, _, index = path.rpartition("/")
            groups.setdefault(group, {})[int(index)] = _read(path, item)
        named: dict[str, dict[int, np.ndarray]] = {}
        for group, arrays in groups.items():
            layer = str(weights[group].attrs["name"])
            named.setdefault(layer, {}).update(arrays)
    return {
        name: [arrays[index] for index in range(len(arrays))]
        for name, arrays in named.items()
    }


def copy_weights(source: Path, target: Path, dtype: str) -> None:
    """Copies the weights of a network, without an optimizer's state.

    The same weights give the same bytes. "float16" rounds the kernels, which
    are nearly all of the numbers; biases and the vectors of a normalisation
    keep their digits.

    Args:
      source: A file of weights.
      target: Where the copy goes; must not exist.
      dtype: One of DTYPES.

    Raises:
      OSError, TypeError, ValueError, KeyError: No file of named and finite
        weights, or a number that is too large for the type.
    """
    with h5py.File(source) as weights, h5py.File(target, "x") as copy:
        for path, item in _arrays_in(weights):
            group = path.rpartition("/")[0]
            if group not in copy:
                copy.create_group(group).attrs["name"] = item.parent.attrs[
                    "name"
                ]
            copy.create_dataset(
                path,
                data=_rounded(path, _read(path, item), dtype),
                track_times=False,
            )


def _arrays_in(weights: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    found = []

    def visit(path: str, item: Any) -> None:  # noqa: ANN401
        parts = path.split("/")
        if len(parts) == 4 and parts[0] == "layers" and parts[2] == "vars":
            found.append((path, item))

    # Follows no link into another file.
    weights.visititems(visit)
    yield from found


def _read(path: str, item: h5py.Dataset) -> np.ndarray:
    if item.is_virtual or item.external:
        raise ValueError(f"{path}: its values are in another file")
    # HDF5's own conversion from half precision takes many times as long.
    values = np.asarray(item[()]).astype(np.float32, copy=False)
    # An operation on NaN may give 0, and so hide it.
    if not np.isfinite(values).all():
        raise ValueError(
            f"{path}: has values that are no number; the training diverged or "
            "the file is damaged"
        )
    return values


def _rounded(path: str, values: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "float32" or values.ndim < 2:
        return values
    largest = np.abs(values).max(initial=0)
    if largest > np.finfo(dtype).max:
        raise ValueError(
            f"{path}: {largest:g} is too large for {dtype}, which ends at "
            f"{np.finfo(dtype).max:g}"
        )
    return values.astype(dtype)
