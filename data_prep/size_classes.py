"""The paper's classes of lesion sizes, wherever lesions are counted."""

from collections import Counter
from collections.abc import Iterable

# Shan et al. (2021): small < 20, medium 20 to 150, large > 150. Its unit,
# "plex*spacing", is read as mm³ of 3-D components, which fits its counts best.
SMALL_BELOW_MM3 = 20.0
LARGE_ABOVE_MM3 = 150.0
SIZE_CLASSES = ("small", "medium", "large")
# Spacings are stored as float32: 2 × 10 mm³ can come out below 20.
_DECIMALS = 4


def size_class(volume_mm3: float) -> str:
    """Returns "small", "medium" or "large" by the paper's limits."""
    volume_mm3 = round(volume_mm3, _DECIMALS)
    if volume_mm3 < SMALL_BELOW_MM3:
        return "small"
    return "large" if volume_mm3 > LARGE_ABOVE_MM3 else "medium"


def count_by_class(volumes_mm3: Iterable[float]) -> dict[str, int]:
    """Counts lesions by class; every class is there, with 0 too."""
    counts = Counter(map(size_class, volumes_mm3))
    return {name: counts[name] for name in SIZE_CLASSES}
