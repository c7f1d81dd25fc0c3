"""What a shared data set consists of, and where it lies.

```
PACK/README.md  share.json  croissant.json  SHA256SUMS
PACK/splits.csv  cases.csv  data_card.json  DATA_CARD.md
PACK/tfds_wmh/slices/1.0.0/   PACK/tfds_wmh/volumes/1.0.0/
```

It is a prepared data folder with four files more, so every program reads it
by --data_dir. Only what is named here travels.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_prep.dataset import data_folder
from data_prep.errors import UserError
from data_prep.files import read_json

README_FILE = "README.md"
SHARE_FILE = "share.json"
CROISSANT_FILE = "croissant.json"
SUMS_FILE = "SHA256SUMS"
SHARED_FILES = (
    *data_folder.SIDE_FILES,
    README_FILE,
    SHARE_FILE,
    CROISSANT_FILE,
    SUMS_FILE,
)
SHARE_VERSION = "1.0.0"

_SHARE_FIELDS = {
    "name": str,
    "heads": str,
    "faces_are_allowed": bool,
    "licence": str,
    "citation": str,
    "contact": str,
    "identity": str,
    "configs": list,
    "sites": list,
    "splits": dict,
    "preprocess": dict,
}

INFO_FILE = "dataset_info.json"
FEATURES_FILE = "features.json"
# The only classes that the features of such a data set are made of. TFDS
# may import a module that is named there.
_FEATURE_CLASSES = "tensorflow_datasets.core.features."
CONFIGS = (data_folder.SLICES, data_folder.VOLUMES)


def config_folder(config: str) -> str:
    """Returns where a config lies below the data folder."""
    return data_folder.dataset_dir("", config).as_posix()


def open_config(folder: Path, config: str) -> Any:  # noqa: ANN401
    """Opens a config as whoever receives it would, without our code.

    Returns:
      The `tfds.core.DatasetInfo`.

    Raises:
      UserError: it is missing or damaged.
    """
    import tensorflow_datasets as tfds

    place = data_folder.dataset_dir(folder, config)
    _check_feature_classes(place / FEATURES_FILE)
    try:
        return tfds.builder_from_directory(place).info
    # What a damaged file of metadata raises is the parsers' affair.
    except Exception as error:
        raise UserError(
            f"{place}: expected the config {config}, but its description is "
            f"missing or damaged ({error})"
        ) from error


def record_files(info: Any, split: str) -> list[Path]:  # noqa: ANN401
    """Returns the record files of a split, in their order.

    Args:
      info: from `open_config`.
      split: its name.
    """
    return [Path(os.fspath(path)) for path in info.splits[split].filepaths]


def config_files(folder: Path, config: str) -> list[str]:
    """Returns all files of a config, below the data folder.

    Raises:
      UserError: the config is missing or damaged.
    """
    info = open_config(folder, config)
    place = config_folder(config)
    records = [
        f"{place}/{path.name}"
        for split in info.splits
        for path in record_files(info, split)
    ]
    return [f"{place}/{FEATURES_FILE}", f"{place}/{INFO_FILE}", *records]


def read_share(folder: Path) -> dict[str, Any]:
    """Returns what share.json of a pack says.

    Raises:
      UserError: there is no pack, or one of another version.
    """
    path = folder / SHARE_FILE
    if not path.is_file():
        raise UserError(
            f"{folder}: expected a shared data set, found no {SHARE_FILE}; "
            "make one with `wmh-share pack`"
        )
    share = read_json(path)
    version = share.get("share_version") if isinstance(share, dict) else None
    if version != SHARE_VERSION:
        raise UserError(
            f"{path}: expected share_version {SHARE_VERSION}, received "
            f"{version}; pack it again with this program"
        )
    wrong = [
        name
        for name, kind in _SHARE_FIELDS.items()
        if not isinstance(share.get(name), kind)
    ]
    parts = share.get("merged_from", [])
    if not isinstance(parts, list) or not all(
        isinstance(part, dict) for part in parts
    ):
        wrong.append("merged_from")
    if wrong:
        raise UserError(
            f"{path}: {', '.join(wrong)} missing or wrong; copy it again"
        )
    return share


def foreign_files(folder: Path, known: set[str]) -> list[str]:
    """Returns what lies in a folder and is not of the data set.

    Args:
      folder: a data folder or pack.
      known: paths below it, as POSIX text.
    """
    found = (
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
    return sorted(path for path in found if path not in known)


def _check_feature_classes(path: Path) -> None:
    for name in _class_names(read_json(path)):
        if not str(name).startswith(_FEATURE_CLASSES):
            raise UserError(
                f"{path}: expected features of TFDS itself, received {name}; "
                "such a file would run other code, so it is not opened"
            )


def _class_names(value: Any) -> Iterator[Any]:  # noqa: ANN401
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("pythonClassName", "type"):
                yield inner
            else:
                yield from _class_names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _class_names(inner)
