"""Finds the cases: BIDS data sets, manifests, folders and DICOM series."""

from data_prep.cases.case import Case
from data_prep.cases.finding import find_cases, find_images, is_bids_dataset

__all__ = ["Case", "find_cases", "find_images", "is_bids_dataset"]
