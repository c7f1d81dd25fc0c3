"""The files of one scan: written, named, and tidied after a kill."""

import base64
import gzip
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_prep.dicom_seg import SegAlgorithm, write_dicom_seg
from data_prep.errors import UserError
from data_prep.files import (
    remove_temporaries,
    write_atomically,
    write_csv,
)
from data_prep.nifti_writing import write_mask, write_probability
from data_prep.size_classes import count_by_class
from data_prep.volume import Volume
from wmh_keras.pictures.overlay import draw_tiles, find_head
from wmh_keras.pictures.overview import to_jpeg, write_overview
from wmh_keras.prediction import lesions as lesion_table
from wmh_keras.prediction import records
from wmh_keras.prediction.lesions import Lesion
from wmh_keras.prediction.outputs import Job
from wmh_keras.prediction.records import Settings

if TYPE_CHECKING:
    from wmh_keras.inference.segmenter import Segmentation

_NUM_THUMBNAILS = 6
_THUMBNAIL_WIDTH = 200


def write_results(
    job: Job,
    flair: Volume,
    result: "Segmentation",
    found: list[Lesion],
    volume: float,
    warnings: Sequence[str],
    settings: Settings,
) -> list[str]:
    """Writes mask, probability map, lesion table and picture.

    Of an ensemble also the map of its disagreement; else one that an earlier
    run left there is removed, which would be taken for this run's.

    Where the image was converted from DICOM, it is kept beside them.

    Args:
      job: the case and its paths; existing files are replaced.
      flair: gives the grid.
      result: what the segmenter found.
      found: its lesions.
      volume: their volume in ml, for the picture's title.
      warnings: what the picture warns of.
      settings: what decided the result.

    Returns:
      Small pictures for the page, JPEG in base64.
    """
    # Packing lets go of the interpreter: pictures are drawn meanwhile.
    with ThreadPoolExecutor(max_workers=1) as painter:
        drawing = painter.submit(
            _write_pictures,
            job,
            flair,
            result.mask,
            f"{_summary(volume, found)}; {describe_mask(settings)}",
            warnings,
        )
        _write_maps(job, flair, result, found)
        return drawing.result()


def _write_maps(
    job: Job, flair: Volume, result: "Segmentation", found: list[Lesion]
) -> None:
    paths = job.outputs
    write_mask(paths.mask, result.mask, flair)
    write_probability(paths.probability, result.probability, flair)
    columns = lesion_table.LESION_COLUMNS
    if result.disagreement is None:
        for path in paths.of_ensembles:
            path.unlink(missing_ok=True)
    else:
        write_probability(paths.uncertainty, result.disagreement, flair)
        columns = (*columns, lesion_table.DISAGREEMENT_COLUMN)
    write_csv(
        paths.lesions,
        columns,
        [lesion.to_row() for lesion in found],
    )
    if paths.flair is not None:
        _copy_compressed(job.case.flair, paths.flair)


def _write_pictures(
    job: Job,
    flair: Volume,
    mask: np.ndarray,
    subtitle: str,
    warnings: Sequence[str],
) -> list[str]:
    """Writes the overview and returns the thumbnails."""
    head = find_head(flair)
    write_overview(
        job.outputs.overview,
        draw_tiles(flair, mask, head=head),
        title=job.case.relative_path or job.case.volume_id,
        subtitle=subtitle,
        warnings=[f"warning: {text}" for text in warnings],
    )
    # Drawn anew at their size: outlines of scaled-down pictures fade.
    small = draw_tiles(
        flair, mask, count=_NUM_THUMBNAILS, width=_THUMBNAIL_WIDTH, head=head
    )
    return [base64.b64encode(to_jpeg(tile)).decode("ascii") for tile in small]


def write_segmentation_object(
    job: Job, flair: Volume, mask: np.ndarray, settings: Settings
) -> str:
    """Writes the mask as a DICOM Segmentation object.

    The other results are good without it, so that what stands against it is
    no failure of the scan. One of an earlier run is then removed.

    Args:
      job: of a converted DICOM series.
      flair: gives the grid.
      mask: (x, y, z), 1 inside.
      settings: what decided the result.

    Returns:
      Why there is none, or "".

    Raises:
      OSError: a file cannot be read or written.
    """
    algorithm = SegAlgorithm(
        settings.model, settings.threshold, settings.min_lesion_mm3
    )
    path = job.outputs.dicom_seg
    try:
        write_dicom_seg(
            path, flair.with_data(mask), job.case.dicom_files, algorithm
        )
    except UserError as error:
        path.unlink(missing_ok=True)
        return str(error)
    return ""


def file_names(
    job: Job, *, has_uncertainty: bool = False, has_dicom_seg: bool = False
) -> dict[str, str]:
    """Returns the names of a scan's results, by what they are.

    Args:
      job: the case and its paths.
      has_uncertainty: whether the map of an ensemble's disagreement is there.
      has_dicom_seg: whether the DICOM Segmentation object is there.
    """
    paths = job.outputs
    names = {
        "mask": paths.mask.name,
        "probability": paths.probability.name,
        "lesions": paths.lesions.name,
        "overview": paths.overview.name,
    }
    sidecars = paths.sidecars
    if has_uncertainty:
        names["uncertainty"] = paths.uncertainty.name
    else:
        sidecars = [p for p in sidecars if p not in paths.of_ensembles]
    for number, path in enumerate(sidecars, start=1):
        names[f"sidecar_{number}"] = path.name
    if paths.flair is not None:
        names["flair"] = paths.flair.name
    if has_dicom_seg:
        names["dicom_seg"] = paths.dicom_seg.name
    return names


def remove_leftovers(job: Job) -> None:
    """Removes the half-written files of a run that was killed here."""
    earlier = records.read_record(job.outputs.record)
    if earlier is None or earlier.status != records.STARTED:
        return
    for path in job.outputs.results:
        remove_temporaries(path.parent, path.name)


def describe_mask(settings: Settings) -> str:
    """Says from which probability and size on something is a lesion.

    For pictures, whose font has no raised 3.
    """
    text = f"threshold {settings.threshold:g}"
    if settings.min_lesion_mm3:
        text += f", none below {settings.min_lesion_mm3:g} cubic mm"
    return text


def _summary(volume: float, found: list[Lesion]) -> str:
    if not found:
        return "no lesion found"
    counts = count_by_class(lesion.volume_mm3 for lesion in found)
    classes = ", ".join(f"{n} {name}" for name, n in counts.items())
    noun = "lesion" if len(found) == 1 else "lesions"
    return f"{volume:.2f} ml in {len(found)} {noun} ({classes})"


def _copy_compressed(source: str, target: Path) -> None:
    """Copies an uncompressed NIfTI file to a .nii.gz file."""
    with (
        write_atomically(target) as temporary,
        open(source, "rb") as reader,
        # No time stamp inside: equal images give equal files.
        gzip.GzipFile(temporary, "wb", compresslevel=6, mtime=0) as writer,
    ):
        shutil.copyfileobj(reader, writer)
