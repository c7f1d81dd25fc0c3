"""The folder that a calibration writes.

    OUT/calibration.csv    every setting with its means, overall and by site
    OUT/calibration.png    the same as a picture
    OUT/calibration.json   the choice, and by what it was made

`calibration.json` is written last: where it exists, the rest is complete.
"""

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.errors import UserError
from data_prep.files import (
    locked_folder,
    read_json,
    remove_temporaries,
    sha256_of,
    write_csv,
    write_json,
)
from data_prep.version import installed_versions
from wmh_keras.calibration.choice import GroupScores, MeanScores, Setting
from wmh_keras.calibration.grid import Grid
from wmh_keras.inference.ensemble import MaskSettings

FORMAT = 1
TABLE_FILE = "calibration.csv"
PICTURE_FILE = "calibration.png"
CHOICE_FILE = "calibration.json"
OVERALL, SITE = "overall", "site"

_COLUMNS = (
    "group",
    "site",
    "threshold",
    "min_lesion_mm3",
    "num_subjects",
    "num_volumes",
    "dice",
    "lesion_f1",
    "dice_and_f1",
    "chosen",
)
_SCORES = ("dice", "lesion_f1", "dice_and_f1")
_DAMAGED = (AttributeError, TypeError, KeyError, ValueError)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What a calibration came to.

    Attributes:
        chosen: the setting.
        own: the scores with the setting that the models are stored with;
            None where they differ or it was not tried.
        criterion: what was to be highest.
        by_site: whether sites counted the same.
        num_subjects: people.
        num_volumes: their volumes.
        note: what the scores are good for.
        warnings: what speaks against the choice.
    """

    chosen: Setting
    own: Setting | None
    criterion: str
    by_site: bool
    num_subjects: int
    num_volumes: int
    note: str
    warnings: tuple[str, ...] = ()

    @property
    def settings(self) -> MaskSettings:
        """What the choice makes masks with."""
        return MaskSettings(self.chosen.threshold, self.chosen.min_lesion_mm3)

    def describe(self) -> list[str]:
        """Lines for the user: the choice, its scores, what to know of it."""
        of = f"{self.num_subjects} subjects, {self.num_volumes} volumes"
        if self.by_site:
            of += "; every site counts the same"
        lines = [
            f"threshold {self.chosen.threshold:g}, minimum lesion size "
            f"{self.chosen.min_lesion_mm3:g} mm³  (by {self.criterion}; {of})",
            f"  there:     {_scores_text(self.chosen)}",
        ]
        if self.own:
            lines.append(
                f"  until now: {_scores_text(self.own)} with "
                f"{self.own.threshold:g} and {self.own.min_lesion_mm3:g} mm³"
            )
        lines.append(f"note: {self.note}")
        return lines + [f"warning: {warning}" for warning in self.warnings]

    def to_json(self) -> dict[str, Any]:
        """JSON types."""
        return {
            **dataclasses.asdict(self),
            "chosen": self.chosen.to_json(),
            "own": self.own and self.own.to_json(),
            "warnings": list(self.warnings),
        }


def check_place(
    folder: Path, calibrated: Mapping[str, Any], *, overwrite: bool
) -> None:
    """Checks, before any work, that results can go here.

    Raises:
        UserError: it is a file, or holds the results of another calibration.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: expected a folder, found a file")
    names = (CHOICE_FILE, TABLE_FILE, PICTURE_FILE)
    present = [name for name in names if (folder / name).exists()]
    if present and not overwrite and read_finished(folder, calibrated) is None:
        raise UserError(
            f"{folder}: holds the {present[0]} of another calibration; choose "
            "another --output_dir, or replace it with --overwrite"
        )


def read_finished(
    folder: Path, calibrated: Mapping[str, Any]
) -> Calibration | None:
    """Reads the results of just this calibration; None where there are none.

    Args:
        folder: the folder.
        calibrated: what decides the numbers, as JSON types.
    """
    try:
        content = read_json(folder / CHOICE_FILE)
        if content["calibrated"] != calibrated:
            return None
        for name, digest in content["files"].items():
            if sha256_of(folder / name) != digest:
                return None
        return _parse(content["calibration"])
    except (UserError, OSError, *_DAMAGED):
        return None  # none, or damaged: it is made again


def write_results(
    folder: Path,
    calibration: Calibration,
    means: MeanScores,
    grid: Grid,
    *,
    calibrated: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    """Writes the three files, replacing those that are there.

    Args:
        folder: made if need be.
        calibration: what came of it.
        means: at every setting.
        grid: the settings.
        calibrated: what decides the numbers; tells whether two are the same.
        facts: what else the file says, such as paths; decides nothing.
    """
    # Matplotlib takes a second to import.
    from wmh_keras.calibration.heat_map import draw_heat_maps

    with locked_folder(folder, "another wmh-calibrate writes here"):
        remove_temporaries(folder)
        # Old and new must never stand beside each other as one.
        (folder / CHOICE_FILE).unlink(missing_ok=True)
        rows = _rows(means, grid, calibration.chosen)
        write_csv(folder / TABLE_FILE, _COLUMNS, rows)
        draw_heat_maps(folder / PICTURE_FILE, means, grid, calibration.chosen)
        content = {
            "format": FORMAT,
            "calibrated": dict(calibrated),
            "calibration": calibration.to_json(),
            **facts,
            "files": {
                name: sha256_of(folder / name)
                for name in (TABLE_FILE, PICTURE_FILE)
            },
            "versions": installed_versions(),
            "created": datetime.datetime.now(datetime.UTC).isoformat(
                timespec="seconds"
            ),
        }
        write_json(folder / CHOICE_FILE, content)


def _parse(content: Mapping[str, Any]) -> Calibration:
    own = content["own"]
    return Calibration(
        **{
            **content,
            "chosen": _setting_from(content["chosen"]),
            "own": own and _setting_from(own),
            "warnings": tuple(content["warnings"]),
        }
    )


def _scores_text(setting: Setting) -> str:
    return f"Dice {setting.dice:.4f}, lesion F1 {setting.lesion_f1:.4f}"


def _setting_from(content: Mapping[str, Any]) -> Setting:
    names = [field.name for field in dataclasses.fields(Setting)]
    return Setting(*(float(content[name]) for name in names))


def _rows(
    means: MeanScores, grid: Grid, chosen: Setting
) -> Iterator[dict[str, Any]]:
    groups: Sequence[tuple[str, str, GroupScores]] = [
        (OVERALL, "", means.overall),
        *((SITE, name, group) for name, group in means.sites.items()),
    ]
    for group, site, scores in groups:
        for row, threshold in enumerate(grid.thresholds):
            for column, size in enumerate(grid.min_lesion_sizes_mm3):
                yield {
                    "group": group,
                    "site": site,
                    "threshold": threshold,
                    "min_lesion_mm3": size,
                    "num_subjects": scores.num_subjects,
                    "num_volumes": scores.num_volumes,
                    **{
                        name: float(getattr(scores.scores, name)[row, column])
                        for name in _SCORES
                    },
                    "chosen": "yes"
                    if (threshold, size)
                    == (chosen.threshold, chosen.min_lesion_mm3)
                    else "no",
                }
