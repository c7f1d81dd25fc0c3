"""Reads every record of a config, and keeps what can be said of each volume."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.dataset import data_folder
from data_prep.program import progress
from data_prep.quiet_log import quiet_log
from tfds_wmh.sharing.layout import open_config, record_files

_LABELS = (0, 1, 2)
# Voxels that differ from the corners by less of the range are background.
_BACKGROUND_SHARE = 0.01


@dataclasses.dataclass
class ReadVolume:
    """What the records of one config say of one volume.

    Attributes:
      file: the first record file that has it, below the data folder.
      split: where it is stored.
      texts: its text features; those of JSON as they are stored.
      num_slices: as the record says.
      has_mask: likewise.
      positions: slice_index of its records; [0] in config `volumes`.
      slices_with_wmh: records whose mask has label 1.
      foreground_ml: what is not background, in config `volumes`; else None.
    """

    file: str
    split: str
    texts: dict[str, str]
    num_slices: int
    has_mask: bool
    positions: list[int] = dataclasses.field(default_factory=list)
    slices_with_wmh: int = 0
    foreground_ml: float | None = None
    _digests: list[bytes] = dataclasses.field(default_factory=list)

    @property
    def digest(self) -> str:
        """SHA-256 of the voxels, whatever the order of the records."""
        return hashlib.sha256(b"".join(sorted(self._digests))).hexdigest()

    def add(self, example: Mapping[str, Any]) -> None:
        """Counts one record in."""
        self.positions.append(int(example.get("slice_index", 0)))
        self.slices_with_wmh += bool((example["mask"] == 1).any())
        voxels = np.ascontiguousarray(example["image"])
        position = f"{self.positions[-1]} {voxels.shape} ".encode()
        self._digests.append(
            hashlib.sha256(position + voxels.tobytes()).digest()
        )


def read_config(
    folder: Path, config: str
) -> tuple[dict[str, ReadVolume], list[str]]:
    """Reads and decodes all records of a config.

    Args:
      folder: the data folder or pack.
      config: "slices" or "volumes".

    Returns:
      The volumes by volume_id, and the problems: unreadable files, counts
      that differ, records that contradict each other, voxels that cannot be.

    Raises:
      UserError: the description of the config is missing or damaged.
    """
    info = open_config(folder, config)
    volumes: dict[str, ReadVolume] = {}
    problems: list[str] = []
    total = info.splits.total_num_examples
    examples = _examples(folder, config, info, problems)
    for path, split, example in progress(
        examples, f"{config}, records", total=total, unit="record"
    ):
        texts = _texts_of(example)
        name = texts["volume_id"]
        volume = volumes.setdefault(
            name,
            ReadVolume(
                path,
                split,
                texts,
                int(example["num_slices"]),
                bool(example["has_mask"]),
            ),
        )
        if (volume.texts, volume.split) != (texts, split):
            problems.append(
                f"{path}: {name} is described in two ways, or lies in two "
                "splits"
            )
        problems += [
            f"{path}: {name}: {reason}" for reason in _check_voxels(example)
        ]
        volume.add(example)
        if config == data_folder.VOLUMES:
            volume.foreground_ml = _foreground_ml(example)
    return volumes, list(dict.fromkeys(problems))


def text_fields(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields (field, text) of a record, with the texts inside of its JSON.

    Numbers are left out: digits of an affine may look like a date.
    """
    for name, text in texts.items():
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict | list):
            yield from ((name, inner) for inner in json_texts(value))
        else:
            yield name, text


def json_texts(value: Any) -> Iterator[str]:  # noqa: ANN401
    """Yields every text in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from json_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from json_texts(inner)


def _examples(
    folder: Path,
    config: str,
    info: Any,  # noqa: ANN401
    problems: list[str],
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    import tensorflow as tf

    for split in info.splits:
        lengths = info.splits[split].shard_lengths
        files = record_files(info, split)
        for path, expected in zip(files, lengths, strict=True):
            name = path.relative_to(folder).as_posix()
            count = 0
            try:
                with quiet_log():
                    records = tf.data.TFRecordDataset(str(path)).map(
                        info.features.deserialize_example,
                        num_parallel_calls=tf.data.AUTOTUNE,
                        deterministic=True,
                    )
                for example in records.prefetch(2).as_numpy_iterator():
                    count += 1
                    yield name, split, example
            except tf.errors.OpError as error:
                problems.append(
                    f"{name}: record {count} cannot be read "
                    f"({type(error).__name__}); copy the file again"
                )
            else:
                if count != expected:
                    problems.append(
                        f"{name}: expected {expected} records, found {count}"
                    )


def _texts_of(example: Mapping[str, Any]) -> dict[str, str]:
    texts = {}
    for name, value in example.items():
        if isinstance(value, bytes):
            texts[name] = value.decode(errors="replace")
        elif value.dtype == object:
            for index, item in enumerate(value.ravel()):
                texts[f"{name}[{index}]"] = item.decode(errors="replace")
    return texts


def _check_voxels(example: Mapping[str, Any]) -> Iterator[str]:
    if not np.isfinite(example["image"]).all():
        yield "the image has voxels that are no numbers"
    labels = np.unique(example["mask"])
    if not set(labels.tolist()) <= set(_LABELS):
        yield f"expected the labels 0, 1, 2, received {labels.tolist()}"
    if not example["has_mask"] and labels.any():
        yield "has a mask, but says that it has none"


def _foreground_ml(example: Mapping[str, Any]) -> float:
    """Returns the volume of what is not background, in the first channel."""
    image = example["image"][..., 0]
    corners = image[np.ix_(*[(0, size - 1) for size in image.shape])]
    spread = float(image.max() - image.min())
    distance = np.abs(image - np.median(corners))
    voxels = np.count_nonzero(distance > _BACKGROUND_SHARE * spread)
    voxel_mm3 = abs(np.linalg.det(example["affine"][:3, :3]))
    return float(voxels * voxel_mm3 / 1000)
