"""Figure 1: which patients went where."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.sheet import Box, Sheet
from wmh_keras.reporting.figures.style import plural
from wmh_keras.reporting.study import DataSummary, Study, count_by_split

NAME = "figure_1_patient_flow"
TITLE = "Figure 1. Patient flow"
_WIDTH = 9.5
# Of a single column; it then fits the page on a phone.
_NARROW = 4.8
_MARGIN = 0.1
_GAP = 0.35
_LEFT_OUT = ("excluded", "skipped")
_MOST_REASONS = 5
_EVALUATED = "#E8F3EE"
_ASIDE = "#F7F7F7"


def draw_patient_flow(study: Study) -> Illustration:
    """Draws the flow of patients from the found ones to the rated ones.

    Without a prepared data set it starts at the evaluation.

    Args:
        study: what the report is about.
    """
    sheet = Sheet(_NARROW if study.data is None else _WIDTH)
    caption = (
        "From the patients that were found to those that were evaluated and "
        "rated. Lesions are those of the reference masks, small < 20 mm³, "
        "large > 150 mm³."
    )
    top, source = _MARGIN, None
    if study.data is None:
        caption = (
            "The evaluated patients. What came before is not known here: "
            "--data_dir=FOLDER of the prepared data set shows the patients "
            "that were found, left out and split."
        )
    else:
        prepared = _draw_found(sheet, study.data)
        boxes = _draw_splits(sheet, study.data.card["splits"], prepared)
        top = max(box.bottom for box in boxes.values()) + _GAP
        source = boxes.get(_split_of(study))
        if source is None:
            caption += _describe_origin(study)
    _draw_evaluated(sheet, study, source, top)
    return Illustration(NAME, TITLE, caption, sheet.to_figure())


def _describe_origin(study: Study) -> str:
    """Where evaluated patients come from that are not just one split."""
    counts = count_by_split(study.evaluations[0], study.data)
    parts = [f"{count:,} in {split}" for split, count in counts.items()]
    others = len(study.subjects) - sum(counts.values())
    if others or not parts:
        parts.append(f"{others:,} in none of them")
    return f" Of the evaluated patients, by their ids, {', '.join(parts)}."


def left_out_reasons(cases: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Counts the volumes that were left out by reason, the most first.

    Args:
        cases: rows of cases.csv.

    Returns:
        Reason to volumes; what a reason says after a colon (of one file) is
        left out, and rare ones are counted together.
    """
    counts = Counter(
        row.get("reason", "").split(";")[0].split(":")[0].strip()
        or row["status"]
        for row in cases
        if row["status"] in _LEFT_OUT
    )
    ordered = dict(sorted(counts.items(), key=lambda item: -item[1]))
    if len(ordered) <= _MOST_REASONS:
        return ordered
    kept = dict(list(ordered.items())[: _MOST_REASONS - 1])
    return kept | {"other reasons": sum(counts.values()) - sum(kept.values())}


def _draw_found(sheet: Sheet, data: DataSummary) -> Box:
    width, left = 3.2, (_WIDTH - 3.2) / 2
    found = sheet.add_box(
        ["Found", *_patients_and_volumes(data.cases)],
        left=left,
        top=_MARGIN,
        width=width,
    )
    kept = [row for row in data.cases if row["status"] not in _LEFT_OUT]
    bottom = found.bottom
    if len(kept) < len(data.cases):
        number = len(data.cases) - len(kept)
        aside = sheet.add_box(
            [
                f"Left out: {plural(number, 'volume')}",
                *(
                    f"{reason} (n = {count:,})"
                    for reason, count in left_out_reasons(data.cases).items()
                ),
            ],
            left=found.right + 0.3,
            top=found.bottom + 0.1,
            width=_WIDTH - _MARGIN - found.right - 0.3,
            colour=_ASIDE,
            align_left=True,
        )
        sheet.add_arrow(
            (found.centre, aside.middle), (aside.left, aside.middle)
        )
        bottom = aside.bottom - 0.2
    slices = sum(int(row.get("num_slices") or 0) for row in kept)
    prepared = sheet.add_box(
        ["Prepared", *_patients_and_volumes(kept), plural(slices, "slice")],
        left=left,
        top=bottom + _GAP,
        width=width,
    )
    sheet.add_arrow((found.centre, found.bottom), (found.centre, prepared.top))
    return prepared


def _draw_splits(
    sheet: Sheet, splits: Mapping[str, Any], prepared: Box
) -> dict[str, Box]:
    step = (_WIDTH - 2 * _MARGIN) / max(len(splits), 3)
    first = (_WIDTH - step * len(splits)) / 2
    rail = prepared.bottom + _GAP / 2
    boxes = {}
    for number, (name, split) in enumerate(splits.items()):
        box = sheet.add_box(
            [_readable(name), *_split_lines(split)],
            left=first + number * step + 0.06,
            top=prepared.bottom + _GAP + 0.1,
            width=step - 0.12,
        )
        sheet.add_arrow(
            (prepared.centre, prepared.bottom),
            (prepared.centre, rail),
            (box.centre, rail),
            (box.centre, box.top),
        )
        boxes[name] = box
    return boxes


def _draw_evaluated(
    sheet: Sheet, study: Study, source: Box | None, top: float
) -> None:
    first = study.evaluations[0]
    width = 3.6
    centre = sheet.width / 2 if source is None else source.centre
    left = min(max(centre - width / 2, _MARGIN), sheet.width - _MARGIN - width)
    lines = [
        "Evaluated",
        plural(len(first.subjects), "patient")
        + _volumes(len(first.volumes), len(first.subjects)),
        plural(len(study.evaluations), "model")
        + ": "
        + ", ".join(item.name for item in study.evaluations),
    ]
    skipped = len(first.summary.get("skipped", ()))
    if skipped:
        lines.append(f"not evaluated: {plural(skipped, 'volume')}")
    evaluated = sheet.add_box(
        lines, left=left, top=top, width=width, colour=_EVALUATED
    )
    if source is not None:
        sheet.add_arrow((centre, source.bottom), (centre, top))
    if study.ratings is None:
        return
    ratings = study.ratings
    rated = sheet.add_box(
        [
            "Rated",
            f"{plural(len(ratings.subjects), 'patient')} by "
            f"{plural(len(ratings.raters), 'rater')}",
            f"masks of {ratings.model}",
        ],
        left=left,
        top=evaluated.bottom + _GAP,
        width=width,
        colour=_EVALUATED,
    )
    sheet.add_arrow((centre, evaluated.bottom), (centre, rated.top))


def _split_of(study: Study) -> str | None:
    """Returns the split of the data set that was evaluated, if one was."""
    evaluated = study.evaluations[0].summary["evaluated"]
    identity = study.data.card.get("identity")
    if identity is None or evaluated.get("data_identity") != identity:
        return None
    return evaluated.get("split")


def _patients_and_volumes(rows: Sequence[Mapping[str, str]]) -> list[str]:
    patients = len({row["subject_id"] for row in rows})
    return [plural(patients, "patient") + _volumes(len(rows), patients)]


def _volumes(volumes: int, patients: int) -> str:
    return "" if volumes == patients else f", {plural(volumes, 'volume')}"


def _split_lines(split: Mapping[str, Any]) -> list[str]:
    patients, volumes = split["subjects"], split["volumes"]
    lines = [plural(patients, "patient")]
    if volumes != patients:
        lines.append(plural(volumes, "volume"))
    lines.append(plural(split["slices"], "slice"))
    if split["lesions"] is None:
        return [*lines, "no reference"]
    lines.append(plural(split["lesions"]["count"], "lesion"))
    return [*lines, *(f"{split['lesions'][c]:,} {c}" for c in SIZE_CLASSES)]


def _readable(name: str) -> str:
    return name.replace("_", " ").capitalize()
