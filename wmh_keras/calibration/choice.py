"""Means over volumes, and the setting that they speak for."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wmh_keras.calibration.grid import Grid, GridScores
from wmh_keras.evaluation.volume_key import VolumeKey

CRITERIA = ("dice_and_f1", "dice", "lesion_f1")
_NEUTRAL_THRESHOLD = 0.5
# What differs by less is equal but for rounding.
_DECIMALS = 10
_MUCH_DICE = 0.1
_FEWEST_SUBJECTS = 5


@dataclasses.dataclass(frozen=True, eq=False)
class VolumeScores:
    """The scores of one volume at every setting.

    Attributes:
        key: who it is.
        scores: the scores.
    """

    key: VolumeKey
    scores: GridScores


@dataclasses.dataclass(frozen=True, eq=False)
class GroupScores:
    """The mean scores of some volumes at every setting.

    Attributes:
        num_subjects: people.
        num_volumes: their volumes.
        scores: mean over the people, of each the mean over its volumes.
    """

    num_subjects: int
    num_volumes: int
    scores: GridScores


@dataclasses.dataclass(frozen=True, eq=False)
class MeanScores:
    """What the choice is made by.

    Attributes:
        overall: of all volumes; with `by_site` its scores are the mean over
            the sites, each of which counts the same.
        sites: by the name of the site; "" are those that are not known.
        by_site: whether sites count the same, rather than subjects.
    """

    overall: GroupScores
    sites: Mapping[str, GroupScores]
    by_site: bool


@dataclasses.dataclass(frozen=True)
class Setting:
    """One cell of the grid, and its mean scores.

    Attributes:
        threshold: probability from which on a voxel is a lesion.
        min_lesion_mm3: smaller lesions are removed.
        dice: mean Dice.
        lesion_f1: mean lesion F1 of the Challenge.
    """

    threshold: float
    min_lesion_mm3: float
    dice: float
    lesion_f1: float

    @property
    def dice_and_f1(self) -> float:
        """The mean of both."""
        return (self.dice + self.lesion_f1) / 2

    def to_json(self) -> dict[str, Any]:
        """JSON types."""
        return {**dataclasses.asdict(self), "dice_and_f1": self.dice_and_f1}


def average(volumes: Sequence[VolumeScores], *, by_site: bool) -> MeanScores:
    """Averages over a subject's volumes, over subjects, then over sites.

    Args:
        volumes: at least one.
        by_site: gives every site the same weight; else every subject has it.
    """
    names = sorted({volume.key.site for volume in volumes})
    sites = {
        name: _average_group([v for v in volumes if v.key.site == name])
        for name in names
    }
    overall = _average_group(volumes)
    if by_site:
        scores = _mean([site.scores for site in sites.values()])
        overall = dataclasses.replace(overall, scores=scores)
    return MeanScores(overall, sites, by_site)


def choose(means: MeanScores, grid: Grid, criterion: str) -> Setting:
    """Chooses the setting with the highest mean.

    Of equal ones that whose threshold is nearest 0.5, then the one that
    removes less, then the lower threshold.

    Args:
        means: at every setting of the grid.
        grid: the settings.
        criterion: one of CRITERIA.
    """
    score = getattr(means.overall.scores, criterion).round(_DECIMALS)
    rows, columns = np.nonzero(score == score.max())
    row, column = min(
        zip(rows.tolist(), columns.tolist(), strict=True),
        key=lambda cell: (
            round(
                abs(grid.thresholds[cell[0]] - _NEUTRAL_THRESHOLD), _DECIMALS
            ),
            grid.min_lesion_sizes_mm3[cell[1]],
            grid.thresholds[cell[0]],
        ),
    )
    return _setting(means, grid, row, column)


def find_setting(
    means: MeanScores, grid: Grid, threshold: float, min_lesion_mm3: float
) -> Setting | None:
    """The scores of one setting; None where it is not in the grid."""
    sizes = grid.min_lesion_sizes_mm3
    if threshold not in grid.thresholds or min_lesion_mm3 not in sizes:
        return None
    row = grid.thresholds.index(threshold)
    return _setting(means, grid, row, sizes.index(min_lesion_mm3))


def warn_of_choice(chosen: Setting, means: MeanScores, grid: Grid) -> list[str]:
    """Warns where a better setting may lie outside the grid, or inside.

    The lesion F1 of the Challenge asks for any overlap: a single predicted
    lesion that fills the head touches all others, and has an F1 of 1.
    """
    warnings = []
    best = float(means.overall.scores.dice.max())
    if chosen.dice < best - _MUCH_DICE:
        warnings.append(
            f"the mean Dice of the choice, {chosen.dice:.2f}, is far below the "
            f"highest, {best:.2f}: lesion F1 is high too where one large "
            "predicted lesion touches many; look at the masks, or choose with "
            "--criterion=dice"
        )
    ends = grid.thresholds[0], grid.thresholds[-1]
    if len(grid.thresholds) > 1 and chosen.threshold in ends:
        warnings.append(
            f"the chosen threshold {chosen.threshold:g} is at the end of those "
            "that were tried: try more with --thresholds"
        )
    largest = grid.min_lesion_sizes_mm3[-1]
    if 0 < largest == chosen.min_lesion_mm3:
        warnings.append(
            f"the chosen minimum size {largest:g} mm³ is the largest that was "
            "tried: try more with --min_lesion_sizes_mm3"
        )
    return warnings


def warn_of_few(means: MeanScores) -> list[str]:
    """Warns where so few people decide that the choice is mostly chance."""
    count = means.overall.num_subjects
    if count >= _FEWEST_SUBJECTS:
        return []
    return [
        f"the choice is by {count} subjects alone: with so few, settings that "
        "differ little in the table differ by chance"
    ]


def _setting(means: MeanScores, grid: Grid, row: int, column: int) -> Setting:
    scores = means.overall.scores
    return Setting(
        threshold=grid.thresholds[row],
        min_lesion_mm3=grid.min_lesion_sizes_mm3[column],
        dice=float(scores.dice[row, column]),
        lesion_f1=float(scores.lesion_f1[row, column]),
    )


def _average_group(volumes: Sequence[VolumeScores]) -> GroupScores:
    by_subject: dict[str, list[GridScores]] = {}
    for volume in volumes:
        by_subject.setdefault(volume.key.subject_id, []).append(volume.scores)
    scores = _mean([_mean(scores) for scores in by_subject.values()])
    return GroupScores(len(by_subject), len(volumes), scores)


def _mean(scores: Sequence[GridScores]) -> GridScores:
    return GridScores(
        np.mean([s.dice for s in scores], axis=0),
        np.mean([s.lesion_f1 for s in scores], axis=0),
    )
