"""Reads prepared data folders: slices, volumes, metadata."""

from wmh_keras.datasets.prepared_data import PreparedData, open_prepared_data
from wmh_keras.datasets.slice_index import SliceIndex
from wmh_keras.datasets.stored_volume import StoredVolume
from wmh_keras.datasets.subject_list import read_subjects
from wmh_keras.datasets.volume_records import VolumeRecord

__all__ = [
    "PreparedData",
    "SliceIndex",
    "StoredVolume",
    "VolumeRecord",
    "open_prepared_data",
    "read_subjects",
]
