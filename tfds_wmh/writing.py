"""Writes both configs of the data set from a plan."""

import os

import tensorflow_datasets as tfds

from data_prep.dataset.data_card import VolumeSummary
from data_prep.dataset.data_folder import SLICES, VOLUMES
from data_prep.dataset.plan import PreparationPlan
from tfds_wmh.beam_writing import BeamRun
from tfds_wmh.tfds_wmh_dataset_builder import Builder


def write_datasets(
    plan: PreparationPlan,
    folder: str | os.PathLike,
    num_workers: int,
    beam_run: BeamRun | None = None,
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
      beam_run: where given, Apache Beam does it in place of threads. The
        record files are the same, byte for byte.

    Returns:
      A summary of every volume, by volume_id.

    Raises:
      VolumeError: a volume cannot be read or prepared.
    """
    summaries: dict[str, VolumeSummary] = {}
    tfds.display_progress_bar(False)  # The builder shows one of its own.
    try:
        for config in (SLICES, VOLUMES):
            builder = Builder(
                plan=plan,
                config=config,
                data_dir=folder,
                num_workers=num_workers,
                beam_run=beam_run,
            )
            builder.download_and_prepare()
            summaries |= builder.summaries
    finally:
        tfds.display_progress_bar(True)
    return summaries
