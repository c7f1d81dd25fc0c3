"""Reads an evaluation folder back."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.errors import UserError
from data_prep.files import read_json, sha256_of
from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation import layout, results
from wmh_keras.evaluation.results import (
    MASKS,
    ClassScores,
    Curves,
    EvaluationResults,
    Identity,
    LesionRow,
    PatientResult,
    PatientScores,
)
from wmh_keras.evaluation.rows import GRIDS, NO, PRECISION_RECALL, ROC, YES
from wmh_keras.evaluation.table_rows import TableRow, read_rows
from wmh_keras.metrics.pixel import PixelCounts

_SIDES = ("left", "right", "both", "")
_NEEDED = ("evaluated", "num_subjects", "num_volumes", "scores", "pooled_dice")
_NEEDED += ("dice_of_means", "bootstrap", "sites", "size_classes")
_NEEDED += ("volume_agreement", "mean_curves", "warnings", "pictures", "files")
_TABLES = (
    layout.PER_PATIENT_FILE,
    layout.CLASSES_FILE,
    layout.LESIONS_FILE,
    layout.CURVES_FILE,
)


def read_evaluation(
    folder: str | os.PathLike, name: str = ""
) -> EvaluationResults:
    """Reads what `wmh-evaluate` wrote.

    Args:
        folder: the --output_dir of an evaluation.
        name: what reports call it; by default the folder's name.

    Returns:
        The results; the numbers equal those that were computed to the last
        bit.

    Raises:
        UserError: no finished evaluation is there, or a table is damaged,
            was changed or is of another format; names the file, and the line
            if there is one.
    """
    folder = Path(folder)
    summary = _read_summary(folder)
    patients = _read_by_volume(
        folder / layout.PER_PATIENT_FILE, results.COLUMNS, None
    )
    if summary["num_volumes"] != len(patients):
        raise UserError(
            f"{folder / layout.PER_PATIENT_FILE}: expected "
            f"{summary['num_volumes']} volumes as in {layout.SUMMARY_FILE}, "
            f"found {len(patients)}; the table was cut or changed: evaluate "
            "again"
        )
    tables = {
        file: _read_by_volume(folder / file, columns, patients)
        for file, columns in (
            (layout.CLASSES_FILE, results.CLASS_COLUMNS),
            (layout.LESIONS_FILE, results.LESION_COLUMNS),
            (layout.CURVES_FILE, results.CURVE_COLUMNS),
        )
    }
    volumes = tuple(
        _volume_from(rows, {f: t.get(identity, []) for f, t in tables.items()})
        for identity, rows in patients.items()
    )
    # Last: what a damaged table says by itself is more to the point.
    for file in _TABLES:
        _check_unchanged(folder / file, summary["files"].get(file))
    history = folder / layout.HISTORY_FILE
    checksum = summary["files"].get(layout.HISTORY_FILE)
    has_history = checksum is not None and history.exists()
    if has_history:
        _check_unchanged(history, checksum)
    return EvaluationResults(
        name=name or folder.resolve().name,
        folder=folder,
        summary=summary,
        volumes=volumes,
        history=history if has_history else None,
        pictures=_find_pictures(folder, summary, patients),
    )


def _read_summary(folder: Path) -> Mapping[str, Any]:
    path = folder / layout.SUMMARY_FILE
    if not path.is_file():
        raise UserError(
            f"{folder}: expected the folder of a finished evaluation, found "
            f"no {layout.SUMMARY_FILE}; wmh-evaluate makes one"
        )
    content = read_json(path)
    if not isinstance(content, dict) or "evaluated" not in content:
        raise UserError(f"{path}: not written by wmh-evaluate")
    if content.get("format") != layout.FORMAT:
        raise UserError(
            f"{path}: expected format {layout.FORMAT}, received "
            f"{content.get('format')!r}: it was written by another version; "
            "evaluate again with --overwrite"
        )
    missing = [name for name in _NEEDED if name not in content]
    if missing:
        raise UserError(
            f"{path}: {', '.join(missing)}: missing; the file is damaged: "
            "evaluate again with --overwrite"
        )
    return content


def _check_unchanged(path: Path, checksum: object) -> None:
    """Checks that a file is as the evaluation wrote it.

    A number that was edited in one table contradicts the others in silence.
    """
    if not path.is_file():
        raise UserError(
            f"{path}: expected a file, for {layout.SUMMARY_FILE} lists it; "
            "evaluate again with --overwrite"
        )
    if sha256_of(path) != checksum:
        raise UserError(
            f"{path}: was changed after the evaluation, its SHA-256 is not the "
            f"one in {layout.SUMMARY_FILE}; put the original back, or evaluate "
            "again with --overwrite"
        )


def _read_by_volume(
    path: Path,
    columns: Sequence[str],
    patients: Mapping[Identity, list[TableRow]] | None,
) -> dict[Identity, list[TableRow]]:
    """Rows by volume; without `patients` each volume has to have one row."""
    found: dict[Identity, list[TableRow]] = {}
    for row in read_rows(path, columns):
        key = row.key
        if patients is None and key.identity in found:
            raise UserError(f"{path}, line {row.line}: {key} is there twice")
        if patients is not None and (
            key.identity not in patients or patients[key.identity][0].key != key
        ):
            raise UserError(
                f"{path}, line {row.line}: {key} is not in "
                f"{layout.PER_PATIENT_FILE}; the tables are of two "
                "evaluations: evaluate again"
            )
        found.setdefault(key.identity, []).append(row)
    return found


def _volume_from(
    rows: list[TableRow], tables: Mapping[str, list[TableRow]]
) -> PatientResult:
    row = rows[0]
    scores = row.record(PatientScores)
    return PatientResult(
        key=row.key,
        scores=scores,
        counts=row.record(PixelCounts),
        classes=_classes_from(row, tables[layout.CLASSES_FILE]),
        lesions=_lesions_from(row, scores, tables[layout.LESIONS_FILE]),
        curves=_curves_from(row, tables[layout.CURVES_FILE]),
    )


def _classes_from(
    row: TableRow, rows: list[TableRow]
) -> dict[str, ClassScores]:
    found = {
        r.choice("size_class", SIZE_CLASSES): r.record(ClassScores)
        for r in rows
    }
    if len(rows) != len(SIZE_CLASSES) or len(found) != len(SIZE_CLASSES):
        raise _incomplete(row, layout.CLASSES_FILE, "a row for each size class")
    return {name: found[name] for name in SIZE_CLASSES}


def _lesions_from(
    row: TableRow, scores: PatientScores, rows: list[TableRow]
) -> tuple[LesionRow, ...]:
    lesions = tuple(map(_lesion_from, rows))
    numbers = {
        mask: [lesion.id for lesion in lesions if lesion.mask == mask]
        for mask in MASKS
    }
    counts = (scores.reference_lesions, scores.predicted_lesions)
    for mask, count in zip(MASKS, counts, strict=True):
        if numbers[mask] != list(range(1, count + 1)):
            raise _incomplete(
                row, layout.LESIONS_FILE, f"{count} {mask} lesions"
            )
    return lesions


def _lesion_from(row: TableRow) -> LesionRow:
    touches = row.fields["touches"].split()
    if not all(text.isascii() and text.isdigit() for text in touches):
        raise row.error("touches", "ids of lesions")
    return LesionRow(
        mask=row.choice("mask", MASKS),
        id=row.integer("id"),
        centroid_mm=tuple(row.number(f"centroid_{a}_mm") for a in "xyz"),
        volume_mm3=row.number("volume_mm3"),
        voxels=row.integer("voxels"),
        size=row.number("size"),
        size_class=row.choice("size_class", SIZE_CLASSES),
        overlap=row.number("overlap"),
        found=row.choice("found", (YES, NO)) == YES,
        side=row.choice("side", _SIDES),
        touches=tuple(map(int, touches)),
    )


def _curves_from(row: TableRow, rows: list[TableRow]) -> Curves | None:
    if not rows:
        return None
    values = {}
    for name, grid in GRIDS.items():
        points = [r for r in rows if r.choice("curve", tuple(GRIDS)) == name]
        if [point.number("x") for point in points] != grid.tolist():
            raise _incomplete(
                row, layout.CURVES_FILE, f"{len(grid)} points of curve {name}"
            )
        values[name] = np.array([point.number("y") for point in points])
    return Curves(tpr=values[ROC], precision=values[PRECISION_RECALL])


def _incomplete(row: TableRow, file: str, expected: str) -> UserError:
    return UserError(
        f"{row.path.with_name(file)}: {row.key}: expected {expected}; the "
        "table was cut or changed: evaluate again"
    )


def _find_pictures(
    folder: Path,
    summary: Mapping[str, Any],
    patients: Mapping[Identity, object],
) -> dict[Identity, Path]:
    """Those that are there; a report does without the others."""
    pictures = {}
    for identity in patients:
        name = summary["pictures"].get("/".join(identity))
        if name is not None:
            # A name alone: nothing outside the folder is ever shown.
            path = folder / layout.PICTURES_FOLDER / Path(name).name
            if path.is_file():
                pictures[identity] = path
    return pictures
