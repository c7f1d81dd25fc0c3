"""Which volume each patch of a training is cut from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from wmh_keras.datasets import VolumeRecord

# What gives equally many patches.
EVENLY = ("volumes", "sites")
# Apart from each other, and from what `patch_stream` and `patch_changes` draw.
_ORDER, _WITHIN_SITE = 0, 9


def group_volumes(
    records: "Sequence[VolumeRecord]", evenly: str
) -> tuple[tuple[int, ...], ...]:
    """Groups volumes so that each group shall give as many patches.

    Args:
      records: Of the volumes; volumes without a site are one site together.
      evenly: "volumes" puts them all into one group, "sites" makes a group
        of each site, in the order of their names.

    Returns:
      The places of the volumes in `records`.
    """
    if evenly == "volumes":
        return (tuple(range(len(records))),)
    sites: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        sites.setdefault(record.site, []).append(place)
    return tuple(tuple(sites[name]) for name in sorted(sites))


def volume_of(groups: Sequence[Sequence[int]], seed: int, number: int) -> int:
    """Returns which volume a patch is cut from, by seed and number alone.

    The groups take turns, and so do the volumes of each.

    Args:
      groups: Of volumes, none of them empty.
      seed: Of the order.
      number: Of the patch, from 0.
    """
    if len(groups) == 1:
        return groups[0][_turn((seed, _ORDER), len(groups[0]), number)]
    chosen = _turn((seed, _ORDER), len(groups), number)
    volumes = groups[chosen]
    key = (seed, _WITHIN_SITE, chosen)
    return volumes[_turn(key, len(volumes), number // len(groups))]


def _turn(key: tuple[int, ...], count: int, number: int) -> int:
    """Returns whose of `count` turns it is, in a new order every round."""
    done, turn = divmod(number, count)
    return int(np.random.default_rng((*key, done)).permutation(count)[turn])
