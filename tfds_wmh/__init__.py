"""The TFDS data set of FLAIR slices and volumes; importing registers it."""

from tfds_wmh.tfds_wmh_dataset_builder import Builder

__all__ = ["Builder"]
