"""The data card: what a prepared data set holds, for programs and people."""

import dataclasses
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.ndimage

from data_prep.cases.case import Case
from data_prep.dataset.data_folder import FORMAT_VERSION
from data_prep.dataset.plan import PreparationPlan
from data_prep.preprocess import PreparedVolume
from data_prep.size_classes import (
    LARGE_ABOVE_MM3,
    SMALL_BELOW_MM3,
    count_by_class,
)
from data_prep.version import installed_versions
from data_prep.volume import Volume


@dataclasses.dataclass(frozen=True)
class VolumeSummary:
    """What the card and the list of cases say of one prepared volume.

    Attributes:
      num_slices: axial slices.
      slices_with_wmh: slices whose prepared mask has label 1.
      native_shape: voxels along the file's axes.
      orientation: of the file, such as "LAS".
      spacing_mm: x, y, z of the canonical axes.
      lesion_sizes_mm3: of the reference, None where there is none.
      warnings: of the preparation.
    """

    num_slices: int
    slices_with_wmh: int
    native_shape: tuple[int, int, int]
    orientation: str
    spacing_mm: tuple[float, float, float]
    lesion_sizes_mm3: tuple[float, ...] | None
    warnings: tuple[str, ...]

    @property
    def wmh_ml(self) -> float | None:
        """Volume of the reference in ml."""
        if self.lesion_sizes_mm3 is None:
            return None
        return sum(self.lesion_sizes_mm3) / 1000


def summarize_volume(
    mask: Volume | None, prepared: PreparedVolume
) -> VolumeSummary:
    """Makes the summary of one volume.

    Args:
      mask: the reference on its native grid, or None.
      prepared: the volume's slices.
    """
    with_wmh = 0
    if prepared.mask is not None:
        with_wmh = int((prepared.mask == 1).any(axis=(1, 2)).sum())
    sizes = None if mask is None else tuple(lesion_sizes_mm3(mask))
    return VolumeSummary(
        num_slices=prepared.geometry.num_slices,
        slices_with_wmh=with_wmh,
        native_shape=prepared.geometry.native_shape,
        orientation=prepared.geometry.orientation,
        spacing_mm=prepared.geometry.spacing_mm,
        lesion_sizes_mm3=sizes,
        warnings=prepared.warnings,
    )


def lesion_sizes_mm3(mask: Volume) -> list[float]:
    """Returns the sizes of the 26-connected components of label 1, in mm³.

    An empty mask gives an empty list.
    """
    wmh = mask.data == 1
    if not wmh.any():
        return []
    box = scipy.ndimage.find_objects(wmh.astype(np.uint8))[0]
    labels, _ = scipy.ndimage.label(wmh[box], np.ones((3, 3, 3)))
    voxels = np.bincount(labels.ravel())[1:]
    # Rounded, so that 2 voxels of 10 mm³ are no less than 20 mm³: a voxel's
    # volume is a determinant, and comes out as 9.999999999999998.
    return [round(float(count) * mask.voxel_mm3, 6) for count in voxels]


def make_data_card(
    plan: PreparationPlan,
    summaries: Mapping[str, VolumeSummary],
    identity: str,
    *,
    choices: Mapping[str, Any],
    left_out: Mapping[str, int],
    times: Mapping[str, Any],
    files: Mapping[str, str],
) -> dict[str, Any]:
    """Puts the card together, as JSON types.

    Args:
      plan: what was prepared.
      summaries: by volume_id.
      identity: see `preparation.plan_identity`.
      choices: what else the user chose, such as seed and fractions; no paths.
      left_out: how many cases for which status.
      times: when and how long.
      files: SHA-256 of the files beside the card.
    """
    return {
        "name": "wmh-keras data set",
        "format_version": FORMAT_VERSION,
        "identity": identity,
        "preprocess": plan.preprocess.to_json(),
        "mask_value": plan.mask_value,
        "choices": dict(choices),
        "splits": {
            name: _describe(cases, summaries)
            for name, cases in plan.splits.items()
        },
        "left_out": dict(left_out),
        "warnings": sum(bool(item.warnings) for item in summaries.values()),
        "versions": installed_versions(),
        "times": dict(times),
        "files": dict(files),
    }


def format_data_card(card: Mapping[str, Any]) -> str:
    """Returns the card as Markdown."""
    lines = [
        "# Data card",
        "",
        f"{_title(card['preprocess']['channels'])} and white matter "
        "hyperintensity masks, prepared by "
        f"wmh-keras {card['versions']['wmh-keras']}.",
        f"Identity: `{card['identity']}`",
        "",
        "## What it holds",
        "",
        "| split | subjects | volumes | slices | with WMH | sites |",
        "|---|---|---|---|---|---|",
    ]
    for name, split in card["splits"].items():
        sites = ", ".join(
            f"{site or 'unknown'} {count}"
            for site, count in split["sites"].items()
        )
        lines.append(
            f"| {name} | {split['subjects']} | {split['volumes']} | "
            f"{split['slices']} | {split['slices_with_wmh']} | {sites} |"
        )
    lines += [
        "",
        "## Spacing in mm: smallest, median, largest",
        "",
        "| split | x | y | z |",
        "|---|---|---|---|",
    ]
    for name, split in card["splits"].items():
        columns = " | ".join(
            " / ".join(f"{value:.3g}" for value in split["spacing_mm"][axis])
            for axis in "xyz"
        )
        lines.append(f"| {name} | {columns} |")
    lines += [
        "",
        "## Reference lesions",
        "",
        f"26-connected in 3-D; small below {SMALL_BELOW_MM3:g} mm³, large "
        f"above {LARGE_ABOVE_MM3:g} mm³; the volume is "
        "the median over volumes.",
        "",
        "| split | small | medium | large | ml a volume | volumes without |",
        "|---|---|---|---|---|---|",
    ]
    for name, split in card["splits"].items():
        lesions = split["lesions"]
        if lesions is not None:
            lines.append(
                f"| {name} | {lesions['small']} | {lesions['medium']} | "
                f"{lesions['large']} | {lesions['median_ml']:.3g} | "
                f"{lesions['volumes_without']} |"
            )
    lines += [
        "",
        "## How it was made",
        "",
        *_bullets(card["preprocess"]),
        *_bullets({"mask_value": card["mask_value"]}),
        *_bullets(card["choices"]),
        *_bullets({f"left out, {k}": v for k, v in card["left_out"].items()}),
        f"- volumes with warnings: {card['warnings']}, see `cases.csv`",
        *_bullets(card["times"]),
        *_bullets(card["versions"]),
        "",
        "Research data; not for diagnosis.",
    ]
    return "\n".join(lines) + "\n"


def _title(channels: Sequence[str]) -> str:
    if len(channels) == 1:
        return "FLAIR volumes"
    others = ", ".join(role.upper() for role in channels[1:])
    return f"FLAIR volumes with {others} as further channels,"


def _describe(
    cases: Sequence[Case], summaries: Mapping[str, VolumeSummary]
) -> dict[str, Any]:
    volumes = [summaries[case.volume_id] for case in cases]
    sites = Counter(case.site for case in cases)
    spacings = list(zip(*(item.spacing_mm for item in volumes), strict=True))
    return {
        "subjects": len({case.subject_id for case in cases}),
        "volumes": len(cases),
        "slices": sum(item.num_slices for item in volumes),
        "slices_with_wmh": sum(item.slices_with_wmh for item in volumes),
        "sites": dict(sorted(sites.items())),
        "spacing_mm": {
            axis: [min(values), statistics.median(values), max(values)]
            for axis, values in zip("xyz", spacings, strict=True)
        },
        "lesions": _describe_lesions(volumes),
    }


def _describe_lesions(volumes: Sequence[VolumeSummary]) -> dict | None:
    labelled = [v for v in volumes if v.lesion_sizes_mm3 is not None]
    if not labelled:
        return None
    sizes = [size for v in labelled for size in v.lesion_sizes_mm3]
    return {
        "count": len(sizes),
        **count_by_class(sizes),
        "median_ml": statistics.median(v.wmh_ml for v in labelled),
        "total_ml": sum(v.wmh_ml for v in labelled),
        "volumes_without": sum(not v.lesion_sizes_mm3 for v in labelled),
    }


def _bullets(facts: Mapping[str, Any]) -> list[str]:
    return [f"- {name}: {value}" for name, value in facts.items()]
