"""Writes both configs of the data set from a plan."""

import os
from collections.abc import Sequence

import tensorflow_datasets as tfds

from data_prep.cases.case import Case
from data_prep.dataset.data_card import VolumeSummary, summarize_volume
from data_prep.dataset.data_folder import SLICES, VOLUMES
from data_prep.dataset.plan import PreparationPlan
from data_prep.preprocess import PreparedVolume
from data_prep.volume import Volume
from tfds_wmh.tfds_wmh_dataset_builder import Builder


def write_datasets(
    plan: PreparationPlan, folder: str | os.PathLike, num_workers: int
) -> dict[str, VolumeSummary]:
    """Streams every case into the configs `slices` and `volumes`.

    Memory: at most num_workers volumes with their slices are being prepared
    and as many wait to be written (a 1 mm volume of 182 slices at side 384
    takes 0.3 GB while being prepared, 0.1 GB while waiting; a thick-slice one
    a sixth), plus what TFDS shuffles in memory: 1 GiB, then it uses the disk.

    Args:
      plan: what to prepare.
      folder: gets the folder `tfds_wmh`; nothing of it may exist yet.
      num_workers: threads.

    Returns:
      A summary of every volume, by volume_id.

    Raises:
      VolumeError: a volume cannot be read or prepared.
    """
    summaries: dict[str, VolumeSummary] = {}

    def summarize(
        case: Case,
        images: Sequence[Volume],
        mask: Volume | None,
        prepared: PreparedVolume,
    ) -> None:
        del images
        summaries[case.volume_id] = summarize_volume(mask, prepared)

    tfds.display_progress_bar(False)  # The builder shows one of its own.
    try:
        for config in (SLICES, VOLUMES):
            Builder(
                plan=plan,
                config=config,
                data_dir=folder,
                num_workers=num_workers,
                on_prepared=summarize,
            ).download_and_prepare()
    finally:
        tfds.display_progress_bar(True)
    return summaries
