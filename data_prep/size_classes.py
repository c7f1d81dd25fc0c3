"""The classes of lesion sizes, wherever lesions are counted."""

import dataclasses
from collections import Counter
from collections.abc import Iterable

import numpy as np

# Shan et al. (2021): small < 20, medium 20 to 150, large > 150. Its unit,
# "plex*spacing", is read as mm³ of 3-D components, which fits its counts best.
SMALL_BELOW_MM3 = 20.0
LARGE_ABOVE_MM3 = 150.0
SIZE_CLASSES = ("small", "medium", "large")
UNITS = ("mm3", "voxels", "mm2_2d", "px_2d")
# Spacings are stored as float32: 2 × 10 mm³ can come out below 20. What the
# removal of small lesions allows too.
_RELATIVE_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class SizeRule:
    """How lesions are told apart by size.

    Attributes:
      unit: "mm3" or "voxels" of 26-connected 3-D components; "mm2_2d" or
        "px_2d" of 8-connected components within an axial slice.
      small_below: sizes below it are small, in that unit.
      large_above: sizes above it are large; what is between is medium, both
        limits included.

    Raises:
      ValueError: an unknown unit, or limits that are not 0 < small_below <=
        large_above.
    """

    unit: str = "mm3"
    small_below: float = SMALL_BELOW_MM3
    large_above: float = LARGE_ABOVE_MM3

    def __post_init__(self) -> None:
        """Checks the fields."""
        if self.unit not in UNITS:
            raise ValueError(
                f"unit: expected one of {', '.join(UNITS)}, "
                f"received {self.unit!r}"
            )
        if not 0 < self.small_below <= self.large_above < float("inf"):
            raise ValueError(
                "expected 0 < small_below <= large_above, received "
                f"{self.small_below} and {self.large_above}"
            )

    @property
    def in_slices(self) -> bool:
        """Whether lesions are components within a slice."""
        return self.unit in ("mm2_2d", "px_2d")

    def sizes(
        self,
        voxels: np.ndarray,
        spacing_mm: tuple[float, float, float],
        slice_axis: int = 2,
    ) -> np.ndarray:
        """Sizes of lesions in the rule's unit.

        Args:
          voxels: (n,) voxels (pixels, within a slice) of each lesion.
          spacing_mm: of the volume's axes.
          slice_axis: the axis along which slices are stacked.

        Returns:
          (n,) float64.
        """
        voxels = np.asarray(voxels, np.float64)
        if self.unit in ("voxels", "px_2d"):
            return voxels
        in_plane = [s for a, s in enumerate(spacing_mm) if a != slice_axis]
        factor = in_plane[0] * in_plane[1]
        if self.unit == "mm3":
            factor *= spacing_mm[slice_axis]
        return voxels * factor

    def classes(self, sizes: np.ndarray) -> np.ndarray:
        """Indices into `SIZE_CLASSES`, (n,) int64, of sizes in the unit."""
        sizes = np.asarray(sizes, np.float64)
        small = sizes < self.small_below * (1 - _RELATIVE_TOLERANCE)
        large = sizes > self.large_above * (1 + _RELATIVE_TOLERANCE)
        return 1 - small.astype(np.int64) + large


DEFAULT_RULE = SizeRule()


def size_class(volume_mm3: float) -> str:
    """Returns "small", "medium" or "large" by the paper's limits."""
    return SIZE_CLASSES[int(DEFAULT_RULE.classes(np.asarray(volume_mm3)))]


def count_by_class(volumes_mm3: Iterable[float]) -> dict[str, int]:
    """Counts lesions by class; every class is there, with 0 too."""
    counts = Counter(map(size_class, volumes_mm3))
    return {name: counts[name] for name in SIZE_CLASSES}
