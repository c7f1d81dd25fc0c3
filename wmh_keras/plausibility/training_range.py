"""What the scans were like that a model was fitted on, as plain numbers.

Imports nothing, so that what a model is can be read at once.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class TrainingRange:
    """The lowest and the highest value of each measure over the scans.

    Attributes:
      volumes: Number of scans, at least 1.
      ranges: Name of a measure, see `scan_measures`, to (low, high), as they
        were measured: what is allowed beyond is the check's business.
    """

    volumes: int
    ranges: Mapping[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON types."""
        return {
            "volumes": self.volumes,
            "ranges": {name: list(r) for name, r in self.ranges.items()},
        }


def parse_training_range(content: object) -> TrainingRange | None:
    """Checks what a model.json holds of it.

    Args:
      content: The value of its "training_range"; None where there is none, as
        in models of earlier versions.

    Returns:
      The range, or None. Measures that only other versions know are kept.

    Raises:
      ValueError: Something is missing, of another type, or no range.
    """
    if content is None:
        return None
    if not isinstance(content, dict):
        raise ValueError(f"training_range: expected a JSON object: {content!r}")
    volumes, ranges = content.get("volumes"), content.get("ranges")
    if type(volumes) is not int or volumes < 1:
        raise ValueError(
            f"training_range: expected a number of volumes: {volumes!r}"
        )
    if not isinstance(ranges, dict):
        raise ValueError(f"training_range: expected ranges: {ranges!r}")
    for name, value in ranges.items():
        if not _is_range(value):
            raise ValueError(
                f"training_range: {name}: expected [low, high], two finite "
                f"numbers, received {value!r}"
            )
    return TrainingRange(
        volumes, {name: (float(a), float(b)) for name, (a, b) in ranges.items()}
    )


def range_of(measures: Iterable[Mapping[str, float]]) -> TrainingRange | None:
    """Takes the lowest and highest value of each measure.

    Args:
      measures: Of each scan, name to value. A scan may lack some, and NaN
        counts as lacking.

    Returns:
      The range; None without scans.
    """
    volumes, ranges = 0, {}
    for values in measures:
        volumes += 1
        for name, value in values.items():
            if math.isfinite(value):
                low, high = ranges.get(name, (value, value))
                ranges[name] = (min(low, value), max(high, value))
    return TrainingRange(volumes, ranges) if volumes else None


def merge_ranges(
    ranges: Sequence[TrainingRange | None],
) -> TrainingRange | None:
    """Joins the ranges of the members of an ensemble.

    A scan is then like the training scans where one member has seen the like.

    Args:
      ranges: Of each member; None for one that does not know its own, which
        is left out.

    Returns:
      From the lowest low to the highest high of each measure, and the largest
      number of volumes: members may have seen the same ones. None where no
      member knows a range.
    """
    known = [one for one in ranges if one is not None]
    ends = [
        {name: pair[end] for name, pair in one.ranges.items()}
        for one in known
        for end in (0, 1)
    ]
    joined = range_of(ends)
    if joined is None:
        return None
    return TrainingRange(max(one.volumes for one in known), joined.ranges)


def _is_range(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(end) in (int, float) for end in value)
        and all(map(math.isfinite, value))
        and value[0] <= value[1]
    )
