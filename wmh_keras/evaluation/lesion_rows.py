"""The lesions of one volume, one by one, in both masks."""

from collections.abc import Sequence

import numpy as np

from data_prep.midline import midline_x_mm
from data_prep.size_classes import SIZE_CLASSES
from data_prep.volume import Volume
from wmh_keras.evaluation.results import MASKS, LesionRow
from wmh_keras.evaluation.rules import Rules
from wmh_keras.metrics import lesion_places
from wmh_keras.metrics.lesion import LesionMatching, LesionOverlaps


def list_lesions(
    matching: LesionMatching,
    sizes: Sequence[np.ndarray],
    grid: Volume,
    rules: Rules,
    flair: Volume | None = None,
) -> tuple[LesionRow, ...]:
    """Lists the lesions of both masks.

    Args:
        matching: of the two masks.
        sizes: (n,) and (m,), sizes of the reference lesions and of the
            predicted ones in the unit of the size rule.
        grid: any volume on the masks' grid.
        rules: size classes, and when a lesion is found.
        flair: the image; None leaves the sides open.

    Returns:
        Reference lesions first, then predicted ones; of each the largest
        first, those of equal size by their first voxel. Empty for two empty
        masks.
    """
    masks = (matching.reference, matching.predicted)
    midline = None
    if flair is not None and any(mask.count for mask in masks):
        midline = midline_x_mm(flair)
    # Stable, so that lesions of equal size keep one order.
    orders = [np.argsort(-mask.sizes, kind="stable") for mask in masks]
    pairs = matching.contingency
    touching = (
        _ids_of_others(pairs.reference, pairs.predicted, *orders),
        _ids_of_others(pairs.predicted, pairs.reference, *reversed(orders)),
    )
    needed = (
        rules.overlaps["recall_overlap"],
        rules.overlaps["precision_overlap"],
    )
    rows = []
    for index, name in enumerate(MASKS):
        rows += _rows_of(
            name,
            masks[index],
            orders[index],
            sizes[index],
            rules.size.classes(sizes[index]),
            masks[index].matched(needed[index]),
            touching[index],
            grid,
            midline,
        )
    return tuple(rows)


def _rows_of(
    name: str,
    mask: LesionOverlaps,
    order: np.ndarray,
    sizes: np.ndarray,
    classes: np.ndarray,
    found: np.ndarray,
    touching: Sequence[tuple[int, ...]],
    grid: Volume,
    midline: float | None,
) -> list[LesionRow]:
    places = lesion_places.centroids_mm(mask.components, grid.affine_mm)
    sides = [""] * mask.count
    if midline is not None:
        sides = lesion_places.sides(mask.components, grid.affine_mm, midline)
    return [
        LesionRow(
            mask=name,
            id=number,
            centroid_mm=tuple(places[index].tolist()),
            volume_mm3=float(mask.sizes[index] * grid.voxel_mm3),
            voxels=int(mask.sizes[index]),
            size=float(sizes[index]),
            size_class=SIZE_CLASSES[classes[index]],
            overlap=float(mask.covered[index] / mask.sizes[index]),
            found=bool(found[index]),
            side=sides[index],
            touches=touching[index],
        )
        for number, index in enumerate(order, start=1)
    ]


def _ids_of_others(
    own: np.ndarray,
    other: np.ndarray,
    own_order: np.ndarray,
    other_order: np.ndarray,
) -> list[tuple[int, ...]]:
    """For each lesion of one mask the ids of the other's that it touches."""
    ids = np.empty(len(other_order), np.int64)
    ids[other_order] = np.arange(1, len(other_order) + 1)
    touching: list[list[int]] = [[] for _ in own_order]
    for lesion, partner in zip(own.tolist(), other.tolist(), strict=True):
        touching[lesion].append(int(ids[partner]))
    return [tuple(sorted(found)) for found in touching]
