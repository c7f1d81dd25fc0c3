"""The TFDS builder: config `slices` for 2-D fitting, `volumes` for the rest.

A folder that `wmh-prepare` made is read without any of this:
`tfds.builder_from_directory("DATA/tfds_wmh/slices/1.0.0")`.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer, writer

from data_prep.cases.case import Case
from data_prep.dataset.data_folder import FORMAT_VERSION, SLICES, VOLUMES
from data_prep.dataset.ordered_map import ordered_map
from data_prep.dataset.plan import (
    PLAN_FILE,
    PreparationPlan,
    read_case,
    read_plan,
)
from data_prep.errors import UserError, VolumeError
from data_prep.preprocess import (
    PreparedVolume,
    PreprocessConfig,
    volume_to_slices,
)
from data_prep.program import progress
from data_prep.volume import Volume
from tfds_wmh.features import (
    Example,
    slice_examples,
    slice_features,
    volume_example,
    volume_features,
)
from tfds_wmh.record_writing import ReproducibleSerializer, ShownWriter

# About 100 MB a file for thick slices, 200 MB for 1 mm volumes.
_VOLUMES_PER_FILE = 16

# Called with every case whose slices were made.
OnPrepared = Callable[
    [Case, Sequence[Volume], Volume | None, PreparedVolume], None
]


class Builder(tfds.core.GeneratorBasedBuilder):
    """FLAIR slices and volumes with white matter hyperintensity masks."""

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
        on_prepared: OnPrepared | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Makes the builder.

        Args:
          plan: what to prepare. Not needed for reading; for preparing, a
            plan file in manual_dir does as well, but its side has to be 384.
          num_workers: threads that read and prepare.
          on_prepared: called in the threads with every case whose slices
            were made (config `slices` only).
          **kwargs: as every TFDS builder: data_dir, config, version, …
        """
        self._plan = plan
        self._num_workers = num_workers
        self._on_prepared = on_prepared
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
        if self.builder_config.name == VOLUMES:
            return volume_features(len(config.channels))
        return slice_features(config.side, len(config.channels))

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, Example]]]:
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

    def _generate_examples(self, split: str) -> Iterator[tuple[str, Example]]:
        config = self.builder_config.name
        prepare = (
            self._prepare_volume if config == VOLUMES else self._prepare_slices
        )
        cases = self._plan.splits[split]
        for examples in progress(
            ordered_map(prepare, cases, self._num_workers),
            f"{config}, {split}",
            total=len(cases),
            unit="volume",
        ):
            yield from examples

    def _prepare_slices(self, case: Case) -> list[tuple[str, Example]]:
        config = self._plan.preprocess
        images, mask = read_case(case, config.channels, self._plan.mask_value)
        try:
            prepared = volume_to_slices(images, config, mask)
        except VolumeError as error:
            raise VolumeError(
                f"{case.volume_id}: {error}; leave it out by exclude_reason"
            ) from error
        if self._on_prepared is not None:
            self._on_prepared(case, images, mask, prepared)
        return list(slice_examples(case, prepared))

    def _prepare_volume(self, case: Case) -> list[tuple[str, Example]]:
        config = self._plan.preprocess
        images, mask = read_case(case, config.channels, self._plan.mask_value)
        example = volume_example(case, images, mask, config)
        return [(case.volume_id, example)]

    def _generate_splits(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig,
    ) -> list[tfds.core.SplitInfo]:
        # TFDS's own loop encodes on one thread and serialises features in a
        # random order; this one compresses on all and is reproducible.
        del download_config
        return [
            self._write_split(split, examples)
            for split, examples in self._split_generators(dl_manager).items()
        ]

    def _write_split(
        self, split: str, examples: Iterable[tuple[str, Example]]
    ) -> tfds.core.SplitInfo:
        encoded = ordered_map(self._encode, examples, self._num_workers)
        template = self._get_filename_template(split)
        serializer = ReproducibleSerializer(
            self.info.features.get_serialized_info()
        )
        if self.builder_config.name == VOLUMES:
            num_volumes = len(self._plan.splits[split])
            shard_lengths, num_bytes = self._write_in_order(
                encoded, num_volumes, template, serializer
            )
        else:
            example_writer = ShownWriter(
                self.info.file_format, f"writing, {split}"
            )
            shuffling_writer = writer.Writer(
                serializer=serializer,
                filename_template=template,
                hash_salt=split,
                disable_shuffling=False,
                example_writer=example_writer,
            )
            for key, example in encoded:
                shuffling_writer.write(key, example)
                example_writer.total += 1
            shard_lengths, num_bytes = shuffling_writer.finalize()
        return tfds.core.SplitInfo(
            name=split,
            shard_lengths=shard_lengths,
            num_bytes=num_bytes,
            filename_template=template,
        )

    def _write_in_order(
        self,
        encoded: Iterator[tuple[str, Example]],
        num_volumes: int,
        template: Any,  # noqa: ANN401
        serializer: example_serializer.Serializer,
    ) -> tuple[list[int], int]:
        """Writes volumes as they come: no buffer, and a known order."""
        num_files = -(-num_volumes // _VOLUMES_PER_FILE)
        lengths = [
            num_volumes * (index + 1) // num_files
            - num_volumes * index // num_files
            for index in range(num_files)
        ]
        sizes = []

        def serialize(example: Example) -> bytes:
            record = serializer.serialize_example(example)
            sizes.append(len(record))
            return record

        for index, length in enumerate(lengths):
            path = template.sharded_filepath(
                shard_index=index, num_shards=num_files
            )
            self._example_writer().write(
                path,
                (
                    (key, serialize(example))
                    for key, example in itertools.islice(encoded, length)
                ),
            )
        return lengths, sum(sizes)

    def _log_download_bytes(self) -> None:
        """Nothing is downloaded, so nothing is said of it."""

    def _log_download_done(self) -> None:
        """As above."""

    def _encode(
        self, keyed_example: tuple[str, Example]
    ) -> tuple[str, Example]:
        key, example = keyed_example
        return key, self.info.features.encode_example(example)
