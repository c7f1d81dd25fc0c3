"""The table and the page over all scans of an output folder.

Both are made from the records that lie in the folder, so that they cover the
results of earlier runs too, and say of each with which model and threshold it
was made.
"""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from data_prep.files import write_csv, write_text
from data_prep.nifti import nifti_stem
from data_prep.version import __version__
from wmh_keras.prediction import records
from wmh_keras.prediction.likeness import COLUMN, LIKE, NOT_CHECKED
from wmh_keras.prediction.records import VOLUMES_FILE, Record
from wmh_keras.reporting.page import ScanEntry, render_page

PAGE_FILE = "index.html"

VOLUME_COLUMNS = (
    "subject_id",
    "session",
    "run",
    "file",
    "volume_ml",
    "lesions",
    "small_lesions",
    "medium_lesions",
    "large_lesions",
    "model_name",
    "model",
    "threshold",
    "min_lesion_mm3",
    "seconds",
    "engine",
    "precision",
    "warnings",
    "status",
    "error",
    COLUMN,
    "model_checksum",
)

_LINKS = {
    "overview": "picture",
    "mask": "mask",
    "probability": "probability",
    "uncertainty": "uncertainty",
    "lesions": "lesions",
    "dicom_seg": "DICOM SEG",
}


def write_summary(output_dir: str | os.PathLike) -> list[Record]:
    """Writes volumes.csv and index.html anew from the records below a folder.

    Returns:
      The records, in the order of their files.
    """
    root = Path(output_dir)
    found = list(records.find_records(root))
    found.sort(key=lambda record: str(record.row.get("file", "")))
    rows = [row_of(record) for record in found]
    write_csv(root / VOLUMES_FILE, VOLUME_COLUMNS, rows)
    entries = [
        _to_entry(record, row, root)
        for record, row in zip(found, rows, strict=True)
    ]
    page = render_page("White matter hyperintensities", entries, _notes(found))
    write_text(root / PAGE_FILE, page)
    return found


def row_of(record: Record) -> dict[str, Any]:
    """Returns a record's line of the table, with what is there by now."""
    status, error = record.status, record.row.get("error", "")
    if status == records.STARTED:
        error = "interrupted; the same command goes on"
    elif status == records.DONE and record.missing:
        status, error = "incomplete", f"gone: {', '.join(record.missing)}"
    return {
        **record.row,
        **record.settings,
        "warnings": "; ".join(record.warnings),
        "status": status,
        "error": error,
    }


def _to_entry(record: Record, row: dict[str, Any], root: Path) -> ScanEntry:
    is_done = row["status"] == records.DONE
    folder = record.path.parent.relative_to(root)
    return ScanEntry(
        name=_short_name(str(row.get("file", record.path.name))),
        volume_ml=row["volume_ml"] if is_done else None,
        facts=_facts(row) if is_done else (),
        warnings=tuple(record.warnings),
        mark=_mark(row) if is_done else "",
        error=row["error"],
        thumbnails=tuple(record.thumbnails) if is_done else (),
        links={
            text: (folder / record.files[key]).as_posix()
            for key, text in _LINKS.items()
            if is_done and key in record.files
        },
    )


def _mark(row: dict[str, Any]) -> str:
    """Says in what a scan is unlike the training scans, or nothing."""
    verdict = row.get(COLUMN, "")
    if verdict in ("", LIKE, NOT_CHECKED):
        return ""
    return f"Unlike the training scans: {verdict.replace('+', ', ')}"


def _short_name(file: str) -> str:
    """Leaves out what says nothing new: BIDS folders, and the suffix."""
    path = PurePosixPath(file)
    stem = nifti_stem(path.name)
    if stem.startswith("sub-"):
        return stem
    return path.with_name(stem).as_posix()


def _facts(row: dict[str, Any]) -> list[str]:
    count = row["lesions"]
    if not count:
        facts = ["no lesion found"]
    else:
        facts = [
            f"{count} {'lesion' if count == 1 else 'lesions'}: "
            f"{row['small_lesions']} small, {row['medium_lesions']} medium, "
            f"{row['large_lesions']} large"
        ]
    facts.append(f"threshold {row['threshold']:g}")
    if row["min_lesion_mm3"]:
        facts.append(f"none below {row['min_lesion_mm3']:g} mm³")
    return [*facts, f"{row['seconds']} s"]


def _notes(found: Sequence[Record]) -> list[str]:
    models = sorted(set(map(_model_of, found)) - {""})
    notes = [f"wmh-keras {__version__}, model {', '.join(models)}"]
    # The same one may have got a name since.
    identities = {str(r.settings.get("model", "")) for r in found} - {""}
    if len(identities) > 1:
        notes.append("These scans were not all segmented by the same model.")
    unknown = sum(r.row.get(COLUMN) == NOT_CHECKED for r in found)
    if unknown:
        notes.append(
            f"{unknown} of these scans could not be compared with those that "
            "the model was trained on: the model does not know them."
        )
    return notes if models else []


def _model_of(record: Record) -> str:
    """Name, identity and checksum; "" where the record does not say."""
    identity = str(record.settings.get("model", ""))
    name = str(record.row.get("model_name", "") or "")
    checksum = str(record.row.get("model_checksum", "") or "")
    facts = [f"checksum {checksum}"] if checksum else []
    if name:
        return f"{name} ({', '.join([identity, *facts])})"
    return f"{identity} ({facts[0]})" if facts else identity
