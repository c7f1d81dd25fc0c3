"""The TFDS builder: config `slices` for 2-D fitting, `volumes` for the rest.

A folder that `wmh-prepare` made is read without any of this:
`tfds.builder_from_directory("DATA/tfds_wmh/slices/1.0.0")`.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from tensorflow_datasets.core import writer

from data_prep.dataset.data_card import VolumeSummary
from data_prep.dataset.data_folder import FORMAT_VERSION, SLICES, VOLUMES
from data_prep.dataset.ordered_map import ordered_map
from data_prep.dataset.plan import PLAN_FILE, PreparationPlan, read_plan
from data_prep.errors import UserError
from data_prep.preprocess import PreprocessConfig
from data_prep.program import progress
from tfds_wmh.beam_writing import BeamRun, SplitFiles, write_through_beam
from tfds_wmh.features import make_features, slice_key
from tfds_wmh.record_files import (
    FilePlan,
    SliceSharding,
    slice_sharding,
    volume_file_lengths,
)
from tfds_wmh.record_making import Record, RecordMaker
from tfds_wmh.record_writing import AsTheyAre, ShownWriter

# A record file's own bytes: length, two checksums.
_TFRECORD_OVERHEAD = 16


class Builder(tfds.core.GeneratorBasedBuilder):
    """FLAIR slices and volumes with white matter hyperintensity masks.

    Attributes:
      summaries: of the volumes whose slices were prepared, by volume_id.
    """

    VERSION = tfds.core.Version(FORMAT_VERSION)
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        FORMAT_VERSION: "First version: slices and volumes, one or more "
        "channels, labels 0, 1 and 2.",
    }
    BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = [
        tfds.core.BuilderConfig(
            name=SLICES,
            description="Prepared axial slices with their masks.",
        ),
        tfds.core.BuilderConfig(
            name=VOLUMES,
            description="Whole volumes and masks, as in the files.",
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "The images are your own. `python -m data_prep.prepare --input=… "
        "--data_dir=DATA` checks them and makes the whole data folder; or put "
        f"a {PLAN_FILE} (see data_prep.dataset.plan) into manual_dir."
    )

    def __init__(
        self,
        *,
        plan: PreparationPlan | None = None,
        num_workers: int = 1,
        beam_run: BeamRun | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Makes the builder.

        Args:
          plan: what to prepare. Not needed for reading; for preparing, a
            plan file in manual_dir does as well, but its side has to be 384.
          num_workers: threads that read and prepare.
          beam_run: where given, Apache Beam does it in place of threads.
          **kwargs: as every TFDS builder: data_dir, config, version, …
        """
        self._plan = plan
        self._num_workers = num_workers
        self._beam_run = beam_run
        self.summaries: dict[str, VolumeSummary] = {}
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=self._stored_features() or self._planned_features(),
            supervised_keys=("image", "mask"),
            disable_shuffling=self.builder_config.name == VOLUMES,
        )

    def _stored_features(self) -> tfds.features.FeaturesDict | None:
        # A prepared folder says itself how large its slices are.
        if not (self.data_path / "features.json").exists():
            return None
        return tfds.features.FeaturesDict.from_config(self.data_path)

    def _planned_features(self) -> tfds.features.FeaturesDict:
        config = self._plan.preprocess if self._plan else PreprocessConfig()
        return make_features(self.builder_config.name, config)

    @property
    def _maker(self) -> RecordMaker:
        return RecordMaker(
            self.builder_config.name,
            self._plan.preprocess,
            self._plan.mask_value,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[Record]]:
        if self._plan is None:
            self._plan = read_plan(dl_manager.manual_dir / PLAN_FILE)
            planned, declared = self._planned_features(), self.info.features
            if repr(planned) != repr(declared):
                raise UserError(
                    f"{PLAN_FILE}: its slices differ from the default "
                    f"{declared['image'].shape}; give the plan to the builder"
                )
        return {
            split: self._generate_examples(split) for split in self._plan.splits
        }

    def _generate_examples(self, split: str) -> Iterator[Record]:
        """Yields records: they are compressed and serialised in the threads."""
        cases = self._plan.splits[split]
        results = ordered_map(self._maker.make, cases, self._num_workers)
        for case, made in zip(
            progress(
                cases,
                f"{self.builder_config.name}, {split}",
                total=len(cases),
                unit="volume",
            ),
            results,
            strict=True,
        ):
            if made.summary is not None:
                self.summaries[case.volume_id] = made.summary
            yield from made.records

    def _generate_splits(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig,
    ) -> list[tfds.core.SplitInfo]:
        # TFDS's own loop encodes on one thread and serialises features in a
        # random order, and its Beam writer shares out records otherwise.
        del download_config
        splits = self._split_generators(dl_manager)
        if self._beam_run is not None:
            return self._write_through_beam(self._beam_run)
        return [
            self._write_split(split, records)
            for split, records in splits.items()
        ]

    def _write_split(
        self, split: str, records: Iterator[Record]
    ) -> tfds.core.SplitInfo:
        template = self._get_filename_template(split)
        if self.builder_config.name == VOLUMES:
            lengths = volume_file_lengths(len(self._plan.splits[split]))
            for index, length in enumerate(lengths):
                path = template.sharded_filepath(
                    shard_index=index, num_shards=len(lengths)
                )
                # As they come: no buffer, and a known order.
                own = itertools.islice(records, length)
                self._example_writer().write(path, own)
            return self._split_info(split, lengths)
        example_writer = ShownWriter(self.info.file_format, f"writing, {split}")
        shuffling_writer = writer.Writer(
            serializer=AsTheyAre({}),
            filename_template=template,
            hash_salt=split,
            disable_shuffling=False,
            example_writer=example_writer,
            shard_config=self._sharding(),
        )
        for key, record in records:
            shuffling_writer.write(key, record)
            example_writer.total += 1
        lengths, _ = shuffling_writer.finalize()
        return self._split_info(split, lengths)

    def _write_through_beam(self, run: BeamRun) -> list[tfds.core.SplitInfo]:
        splits = self._plan.splits
        files = {
            split: SplitFiles(
                self._get_filename_template(split), self._file_plan(split, run)
            )
            for split in splits
        }
        self.summaries = write_through_beam(
            self._maker, splits, files, self.info.file_format, run
        )
        return [
            self._split_info(split, own.plan.lengths)
            for split, own in files.items()
        ]

    def _file_plan(self, split: str, run: BeamRun) -> FilePlan:
        ids = [case.volume_id for case in self._plan.splits[split]]
        if self.builder_config.name == VOLUMES:
            return FilePlan.in_order(ids)
        keys = (
            slice_key(volume_id, index)
            for volume_id in ids
            for index in range(run.num_slices[volume_id])
        )
        return FilePlan.shuffled(keys, self._sharding(), split)

    def _sharding(self) -> SliceSharding:
        config = self._plan.preprocess
        return slice_sharding(config.side, len(config.channels))

    def _split_info(
        self, split: str, lengths: Sequence[int]
    ) -> tfds.core.SplitInfo:
        template = self._get_filename_template(split)
        sizes = [
            os.path.getsize(
                template.sharded_filepath(
                    shard_index=index, num_shards=len(lengths)
                )
            )
            - _TFRECORD_OVERHEAD * length
            for index, length in enumerate(lengths)
        ]
        return tfds.core.SplitInfo(
            name=split,
            shard_lengths=list(lengths),
            num_bytes=sum(sizes),
            filename_template=template,
        )

    def _log_download_bytes(self) -> None:
        """Nothing is downloaded, so nothing is said of it."""

    def _log_download_done(self) -> None:
        """As above."""
