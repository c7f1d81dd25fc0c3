"""Masks as DICOM Segmentation objects, beside the series they come from."""

import dataclasses
import importlib.util
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from data_prep.dicom_planes import (
    mask_on_planes,
    read_planes,
    slice_distance_mm,
)
from data_prep.errors import UserError
from data_prep.files import write_atomically
from data_prep.version import __version__
from data_prep.volume import Volume

_NAME = "wmh-keras"
# Attributes that DICOM wants to be there, if only empty. Files that went
# through a de-identification often lack them.
_MAY_BE_EMPTY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)
# Far from the numbers that scanners give.
_SERIES_NUMBER_OFFSET = 1000
_LONG_STRING = 64
# What highdicom raises for values that break the standard.
_REFUSALS = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclasses.dataclass(frozen=True)
class SegAlgorithm:
    """What made the mask, for the object's own record of it.

    Attributes:
      model: identity of the networks.
      threshold: probability from which on a voxel is a lesion.
      min_lesion_mm3: smaller lesions were removed.
    """

    model: str
    threshold: float
    min_lesion_mm3: float


def check_highdicom() -> None:
    """Checks that DICOM Segmentation objects can be written.

    Raises:
      UserError: highdicom is not installed.
    """
    try:
        found = importlib.util.find_spec("highdicom")
    except ValueError:  # as where a test has taken it away
        found = None
    if found is None:
        raise UserError("--dicom_seg needs highdicom: pip install '.[dicom]'")


def write_dicom_seg(
    path: str | os.PathLike,
    mask: Volume,
    files: Sequence[str],
    algorithm: SegAlgorithm,
) -> None:
    """Writes a binary segmentation with one segment.

    It belongs to the study and the frame of reference of the series, carries
    the patient's attributes as DICOM demands, has a frame for every slice,
    also where nothing was found, and names the instance under each. Its UIDs
    are new ones, also of an equal mask: no two objects may share one.

    Args:
      path: the file, replaced atomically.
      mask: 1 inside, on the grid of the volume that the series was converted
        to.
      files: of the series.
      algorithm: what made the mask.

    Raises:
      UserError: the series has not what a segmentation needs, or its slices
        are not those of the mask; nothing is written then, and a file that
        is there stays.
      OSError: a file cannot be read or written.
    """
    planes = read_planes(files)
    frames = mask_on_planes(mask, planes) == 1
    for plane in planes:
        _fill_up(plane)
    with warnings.catch_warnings():
        # pydicom's, of values of the source that break the standard.
        warnings.simplefilter("ignore")
        try:
            segmentation = _segmentation(planes, frames, algorithm)
        except _REFUSALS as error:
            raise UserError(
                f"{files[0]}: highdicom refuses its series: {error}"
            ) from error
        with write_atomically(path) as temporary:
            segmentation.save_as(temporary, enforce_file_format=True)


def _segmentation(
    planes: Sequence[Any],
    frames: np.ndarray,
    algorithm: SegAlgorithm,
) -> Any:  # noqa: ANN401  (highdicom.seg.Segmentation)
    import highdicom
    import pydicom

    first = planes[0]
    distance = slice_distance_mm(planes)
    number = int(first.get("SeriesNumber") or 0)
    return highdicom.seg.Segmentation(
        source_images=planes,
        pixel_array=frames,
        segmentation_type="BINARY",
        segment_descriptions=[_describe(algorithm)],
        series_instance_uid=pydicom.uid.generate_uid(prefix=None),
        series_number=max(number, 0) + _SERIES_NUMBER_OFFSET,
        sop_instance_uid=pydicom.uid.generate_uid(prefix=None),
        instance_number=1,
        manufacturer=_NAME,
        manufacturer_model_name=_NAME,
        software_versions=__version__,
        # A serial number is demanded; the weights are what tells one from
        # another.
        device_serial_number=algorithm.model[:_LONG_STRING],
        series_description="White matter hyperintensities (automatic)",
        content_label="WMH",
        content_description="Automatic, unchecked; not a medical device",
        # The source's own distance between slices is often absent or wrong.
        pixel_measures=highdicom.PixelMeasuresSequence(
            pixel_spacing=first.PixelSpacing,
            slice_thickness=float(first.get("SliceThickness") or distance or 1),
            spacing_between_slices=distance,
        ),
        # Readers that count frames find every slice in its place.
        omit_empty_frames=False,
    )


def _describe(algorithm: SegAlgorithm) -> Any:  # noqa: ANN401
    """Names what the segment is, in codes of DICOM PS3.16.

    The type is from CID 7140, the category from CID 7150, the family of the
    algorithm from CID 7162. Lesions are not confined to the cerebrum, so the
    region is the brain.
    """
    import highdicom
    from pydicom.sr.codedict import codes

    return highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="White matter hyperintensities",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.DCM.WhiteMatterT2Hyperintensity,
        anatomic_regions=[codes.SCT.Brain],
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=_NAME,
            version=__version__,
            family=codes.DCM.ArtificialIntelligence,
            parameters={
                "model": algorithm.model,
                "threshold": f"{algorithm.threshold:g}",
                "min_lesion_mm3": f"{algorithm.min_lesion_mm3:g}",
            },
        ),
    )


def _fill_up(plane: Any) -> None:  # noqa: ANN401
    for name in _MAY_BE_EMPTY:
        if name not in plane:
            setattr(plane, name, "")
