"""Record files of several packs under the names of one data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorflow_datasets.core import file_adapters, naming

from data_prep.dataset.data_folder import DATASET_NAME
from data_prep.dataset.plan import order_splits
from data_prep.files import read_json, write_json
from data_prep.program import progress
from tfds_wmh.sharing.checksums import place_file
from tfds_wmh.sharing.layout import (
    FEATURES_FILE,
    INFO_FILE,
    config_folder,
    open_config,
    record_files,
)
from tfds_wmh.sharing.site_pack import SitePack


def merge_config(folder: Path, config: str, packs: Sequence[SitePack]) -> None:
    """Links or copies the record files, and describes them as one data set.

    The files of a split are numbered through, pack after pack; not a byte of
    them changes.

    Args:
      folder: the new data folder.
      config: "slices" or "volumes".
      packs: in the order in which their files come.
    """
    place = folder / config_folder(config)
    place.mkdir(parents=True)
    infos = [open_config(pack.folder, config) for pack in packs]
    template = naming.ShardedFileTemplate(
        data_dir=place,
        dataset_name=DATASET_NAME,
        filetype_suffix=file_adapters.FileFormat.TFRECORD.file_suffix,
    )
    splits = []
    for split in order_splits({name for info in infos for name in info.splits}):
        having = [info for info in infos if split in info.splits]
        sources = [
            path for info in having for path in record_files(info, split)
        ]
        names = template.replace(split=split)
        for index, source in enumerate(
            progress(sources, f"{config}, {split}", unit="file")
        ):
            target = names.sharded_filepath(
                shard_index=index, num_shards=len(sources)
            )
            place_file(source, Path(target))
        splits.append(_split_json(split, having))
    source = packs[0].folder / config_folder(config)
    write_json(place / FEATURES_FILE, read_json(source / FEATURES_FILE))
    description = read_json(source / INFO_FILE)
    write_json(place / INFO_FILE, {**description, "splits": splits})


def _split_json(split: str, infos: Sequence[Any]) -> dict[str, Any]:
    """Returns a split as TFDS writes it: 64-bit numbers are text in JSON."""
    own = [info.splits[split] for info in infos]
    return {
        "filepathTemplate": own[0].filename_template.template,
        "name": split,
        "numBytes": str(sum(part.num_bytes for part in own)),
        "shardLengths": [
            str(length) for part in own for length in part.shard_lengths
        ],
    }
