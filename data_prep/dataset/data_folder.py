"""The layout of a prepared data folder, and how one comes into being.

```
DATA/splits.csv  cases.csv  data_card.json  DATA_CARD.md
DATA/tfds_wmh/slices/1.0.0/   DATA/tfds_wmh/volumes/1.0.0/
```

`tfds_wmh` is renamed into place last, in one step: where it exists the data
set is complete, and where it does not there is none.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.errors import UserError
from data_prep.files import locked_folder, read_json

DATASET_NAME = "tfds_wmh"
FORMAT_VERSION = "1.0.0"
SLICES = "slices"
VOLUMES = "volumes"

SPLITS_FILE = "splits.csv"
CASES_FILE = "cases.csv"
CARD_FILE = "data_card.json"
READABLE_CARD_FILE = "DATA_CARD.md"
SIDE_FILES = (SPLITS_FILE, CASES_FILE, CARD_FILE, READABLE_CARD_FILE)

_INCOMPLETE = ".incomplete-preparation"


def dataset_dir(data_dir: str | os.PathLike, config: str) -> Path:
    """Returns the folder of one TFDS config, "slices" or "volumes"."""
    return Path(data_dir) / DATASET_NAME / config / FORMAT_VERSION


def is_finished(data_dir: str | os.PathLike) -> bool:
    """Tells whether the folder holds a finished data set."""
    return (Path(data_dir) / DATASET_NAME).is_dir()


def _has_configs(data_dir: Path) -> bool:
    # The package that makes data sets has their name too.
    folder = data_dir / DATASET_NAME
    return any((folder / config).is_dir() for config in (SLICES, VOLUMES))


def read_card(data_dir: str | os.PathLike) -> dict:
    """Returns the data card of a finished data set.

    Raises:
      UserError: there is no finished data set, or its card is unreadable.
    """
    data_dir = Path(data_dir)
    if not is_finished(data_dir):
        above = [p for p in data_dir.absolute().parents if _has_configs(p)]
        if above:
            way_out = f"give the folder above it, {above[0]}"
        elif (data_dir / _INCOMPLETE).is_dir():
            way_out = "found an unfinished preparation: run it again"
        else:
            way_out = "make one with `wmh-prepare --input=… --data_dir=NEW`"
        raise UserError(
            f"{data_dir}: expected a prepared data set (a folder "
            f"that holds {DATASET_NAME}); {way_out}"
        )
    card = read_json(data_dir / CARD_FILE)
    if not isinstance(card, dict):
        raise UserError(
            f"{data_dir / CARD_FILE}: expected a JSON object; copy the data "
            "set again"
        )
    if card.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{data_dir}: expected a data set of format {FORMAT_VERSION}, "
            f"received {card.get('format_version')}; prepare it again"
        )
    return card


def check_place(
    data_dir: str | os.PathLike, side_files: Sequence[str] = SIDE_FILES
) -> None:
    """Checks that a data set can be made here, before any work.

    Other files are left in peace; only names that the data set needs count.
    What an interrupted preparation left is no obstacle.

    Args:
      data_dir: the data folder.
      side_files: what will lie beside the records.

    Raises:
      UserError: the path is a file, or files of other origin lie where the
        data set's own have to go.
    """
    data_dir = Path(data_dir)
    if data_dir.exists() and not data_dir.is_dir():
        raise UserError(f"{data_dir}: expected a folder, this is a file")
    if is_finished(data_dir) or (data_dir / _INCOMPLETE).is_dir():
        return
    in_the_way = [name for name in side_files if (data_dir / name).exists()]
    if in_the_way:
        raise UserError(
            f"{data_dir}: holds {', '.join(in_the_way)}, which the data set "
            f"would replace, but no data set; choose another folder or move "
            f"the files away"
        )


@contextlib.contextmanager
def build_data_folder(
    data_dir: str | os.PathLike, side_files: Sequence[str] = SIDE_FILES
) -> Iterator[Path]:
    """Yields a folder to fill; it becomes the data set when the block ends.

    What an interrupted run left is removed first. The block has to write
    every one of the side files and the folder `DATASET_NAME`; anything else
    goes away. After an error everything does; after a kill the next call sees
    to it.

    Args:
      data_dir: the data folder; made where it is missing.
      side_files: what lies beside the records.

    Yields:
      A hidden folder inside, on the same file system.

    Raises:
      UserError: there is a finished data set already, another program is
        preparing here, or `check_place` objects.
    """
    data_dir = Path(data_dir)
    check_place(data_dir, side_files)
    with locked_folder(
        data_dir, "another program is preparing a data set here"
    ):
        if is_finished(data_dir):
            raise UserError(f"{data_dir}: holds a finished data set already")
        incomplete = data_dir / _INCOMPLETE
        _remove_unfinished(data_dir, side_files)
        incomplete.mkdir()
        try:
            yield incomplete
            _commit(incomplete, data_dir, side_files)
        finally:
            if not is_finished(data_dir):
                _remove_unfinished(data_dir, side_files)
        shutil.rmtree(incomplete)


def remove_leftovers(data_dir: str | os.PathLike) -> None:
    """Removes the hidden folder of a run killed just after its last step."""
    incomplete = Path(data_dir) / _INCOMPLETE
    if is_finished(data_dir) and incomplete.is_dir():
        shutil.rmtree(incomplete)


def _commit(
    incomplete: Path, data_dir: Path, side_files: Sequence[str]
) -> None:
    _flush_to_disk(incomplete)
    for name in side_files:
        os.replace(incomplete / name, data_dir / name)
    os.replace(incomplete / DATASET_NAME, data_dir / DATASET_NAME)


def _remove_unfinished(data_dir: Path, side_files: Sequence[str]) -> None:
    # While the hidden folder exists and the data set does not, side files can
    # only be ours: check_place refuses to begin beside anyone else's. They go
    # first, so that a kill in between does not make them look foreign.
    if (data_dir / _INCOMPLETE).is_dir():
        for name in side_files:
            (data_dir / name).unlink(missing_ok=True)
        shutil.rmtree(data_dir / _INCOMPLETE)


def _flush_to_disk(folder: Path) -> None:
    # So that a power cut cannot leave the commit mark without its data.
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())
