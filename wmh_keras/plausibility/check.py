"""Says in what a scan is unlike those that a model was trained on.

What is allowed beyond the range of the training scans was chosen on 31 FLAIR
of several scanners (with and without skull, slices of 1 to 8.1 mm) so that
one of a site that the training has not seen passes, and on other contrasts
made of the tissue maps of real heads, so that those do not.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from wmh_keras.plausibility.training_range import TrainingRange

CONTRAST, COVERAGE, SPACING, LESIONS = KINDS = (
    "contrast",
    "coverage",
    "spacing",
    "lesions",
)

_HEADS = {
    CONTRAST: "not the contrast of the {} training scans",
    COVERAGE: "not the part of the head that the {} training scans show",
    SPACING: "not the grid of the {} training scans",
    LESIONS: "not the lesion load of the {} training scans",
}
_ADVICE = "Look at the mask with care"
# Whatever else is missing, a brain has one.
_OF_A_BRAIN = "tissue_spread"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One way in which a scan is unlike the training scans.

    Attributes:
      kind: one of `KINDS`.
      sentence: what was expected and found, and what to do.
    """

    kind: str
    sentence: str


@dataclasses.dataclass(frozen=True)
class _Limit:
    """How far a measure may leave the range of the training scans.

    Attributes:
      kind: what a value beyond says something about.
      below: says a {value} below {low} to {high}; None where it is no matter.
      above: likewise of one above.
      factor: the range is widened by this factor, each way.
      offset: and then by this.
      usual: (low, high) that is no matter, however narrow the range of the
        training scans is.
    """

    kind: str
    below: str | None = None
    above: str | None = None
    factor: float = 1.0
    offset: float = 0.0
    usual: tuple[float, float] = (math.inf, -math.inf)


_RANGE = "training scans {low} to {high}"

_LIMITS = {
    "inverted": _Limit(
        CONTRAST,
        above="the air around the head or the fluid within it is bright, as "
        "in an inverted image",
    ),
    # Images of 8 bit have some hundred, masks and atlases few.
    "grey_values": _Limit(
        CONTRAST,
        below="only {value} different grey values, as in a mask or an atlas "
        f"({_RANGE})",
        usual=(30.0, math.inf),
    ),
    # FLAIR of six scanners has 0.08 to 0.68; T2, ADC, proton density, T2* and
    # CT made of tissue maps 0.79 and more.
    "fluid_level": _Limit(
        CONTRAST,
        above="the darkest in the middle of the head is not dark, as in T2, "
        f"proton density or CT ({{value}} of the brain's brightness, {_RANGE})",
        offset=0.1,
        usual=(0.0, 0.7),
    ),
    # FLAIR has 0.52 to 0.79; T2, ADC, T2* and proton density at most 0.45.
    "dark_share": _Limit(
        CONTRAST,
        below="what stands out in the middle of the head is bright, as in T2 "
        f"or ADC (the dark side has {{value}} of the contrast, {_RANGE})",
        offset=0.05,
        usual=(0.5, 1.0),
    ),
    # FLAIR has 0.60 to 2.33, T1 at most 0.50.
    "bright_tail": _Limit(
        CONTRAST,
        below="the brightest tissue is as large and even as white matter in "
        f"T1 (bright tail of {{value}} of the spread, {_RANGE})",
        factor=1.4,
        usual=(0.55, math.inf),
    ),
    # FLAIR has 0.91 to 1.11, T1 0.78 to 0.96.
    "cortex_level": _Limit(
        CONTRAST,
        below="the cortex is darker than the tissue below it, as in T1 "
        f"({{value}} of its brightness, {_RANGE})",
        above="the cortex is far brighter than the tissue below it, as in "
        f"double inversion recovery ({{value}} of its brightness, {_RANGE})",
        offset=0.1,
        usual=(0.9, 1.15),
    ),
    # FLAIR has 0.13 to 0.53, CT and masks 0 to 0.01, double inversion
    # recovery 1.0 and more.
    "tissue_spread": _Limit(
        CONTRAST,
        below="there is hardly any contrast in the brain, as in CT or a mask "
        f"(spread of {{value}} of its brightness, {_RANGE})",
        above="there is far more contrast in the brain, as in double "
        "inversion recovery or noise (spread of {value} of its brightness, "
        f"{_RANGE})",
        factor=2.0,
        usual=(0.06, 0.9),
    ),
    # Less does not reach from the vertex to below the temporal lobes.
    "coverage_mm": _Limit(
        COVERAGE,
        below="only {value} mm of the head from bottom to top "
        f"({_RANGE}), so that a part of the brain may be missing",
        factor=1.15,
        usual=(110.0, math.inf),
    ),
    # A cut 30 mm below the top of an ellipsoid of a head's size has 0.6.
    "top_share": _Limit(
        COVERAGE,
        above="the top of the head is cut off (in the uppermost slice it has "
        f"{{value}} of its largest area, {_RANGE})",
        offset=0.1,
        usual=(0.0, 0.65),
    ),
    "border_share": _Limit(
        COVERAGE,
        above="the head is cut off within the slices ({value} of its outline "
        f"is the border of the image, {_RANGE})",
        offset=0.05,
    ),
    "empty_slices": _Limit(
        COVERAGE, above=f"empty slices between others: {{value}} ({_RANGE})"
    ),
    "pixel_mm": _Limit(
        SPACING,
        below=f"pixels of {{value}} mm as the network sees them ({_RANGE}): "
        "lesions look larger to it",
        above=f"pixels of {{value}} mm as the network sees them ({_RANGE}): "
        "lesions look smaller to it",
        factor=1.15,
    ),
    "slice_mm": _Limit(
        SPACING,
        below=f"slices {{value}} mm apart ({_RANGE})",
        above=f"slices {{value}} mm apart ({_RANGE})",
        factor=1.25,
    ),
    "lesion_ml": _Limit(
        LESIONS,
        below="only {value} ml of lesions were predicted (references of the "
        "training {low} to {high})",
        above="{value} ml of lesions were predicted (references of the "
        "training {low} to {high})",
        factor=2.0,
    ),
    "lesion_percent": _Limit(
        LESIONS,
        above="{value} % of the head were predicted as lesions (references of "
        "the training {low} to {high})",
        factor=1.5,
    ),
    "lesions": _Limit(
        LESIONS,
        above="{value} lesions were predicted (references of the training "
        "{low} to {high})",
        factor=3.0,
    ),
}


def check_measures(
    measures: Mapping[str, float], expected: TrainingRange
) -> tuple[Finding, ...]:
    """Compares a scan with the training scans.

    Args:
      measures: from `measure_scan` and `measure_lesions`. What is not there
        is not checked, but for the brain itself.
      expected: of the model. What it does not know is not checked.

    Returns:
      At most one finding of each kind, in the order of `KINDS`; empty for a
      scan like the training scans.
    """
    reasons: dict[str, list[str]] = {kind: [] for kind in KINDS}
    if _OF_A_BRAIN in expected.ranges and _OF_A_BRAIN not in measures:
        reasons[CONTRAST].append("no brain can be told from what is around it")
    for name, limit in _LIMITS.items():
        if name in measures and name in expected.ranges:
            reason = _reason(limit, measures[name], expected.ranges[name])
            reasons[limit.kind] += [reason] if reason else []
    return tuple(
        Finding(kind, _sentence(kind, reasons, expected.volumes))
        for kind in KINDS
        if reasons[kind]
    )


def _sentence(
    kind: str, reasons: Mapping[str, Sequence[str]], volumes: int
) -> str:
    question = ""
    if kind == CONTRAST:
        # The measures of contrast look for the brain below the top of the
        # head, and so for another part of it where that is cut off.
        reason = (
            ", or is it that a part of the head is missing"
            if reasons[COVERAGE]
            else ""
        )
        question = f" Is it a FLAIR{reason}?"
    head = _HEADS[kind].format(volumes)
    return f"{head}: {', and '.join(reasons[kind])}.{question} {_ADVICE}"


def _reason(
    limit: _Limit, value: float, expected: tuple[float, float]
) -> str | None:
    low, high = expected
    lowest = min(low / limit.factor - limit.offset, limit.usual[0])
    highest = max(high * limit.factor + limit.offset, limit.usual[1])
    text = None
    if value < lowest:
        text = limit.below
    elif value > highest:
        text = limit.above
    if text is None:
        return None
    numbers = {"value": value, "low": low, "high": high}
    return text.format(**{name: _short(n) for name, n in numbers.items()})


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.3g}"
