import math

import pytest

from wmh_keras.plausibility.check import (
    CONTRAST,
    COVERAGE,
    LESIONS,
    SPACING,
    check_measures,
)
from wmh_keras.plausibility.training_range import TrainingRange

EXPECTED = TrainingRange(
    14,
    {
        "pixel_mm": (0.5, 0.6),
        "slice_mm": (4.0, 8.0),
        "coverage_mm": (128.0, 160.0),
        "top_share": (0.0, 0.5),
        "border_share": (0.0, 0.02),
        "empty_slices": (0.0, 0.0),
        "grey_values": (220.0, 9000.0),
        "inverted": (0.0, 0.0),
        "fluid_level": (0.1, 0.5),
        "dark_share": (0.55, 0.8),
        "tissue_spread": (0.15, 0.5),
        "bright_tail": (0.8, 2.0),
        "cortex_level": (0.95, 1.1),
        "lesion_ml": (1.0, 60.0),
        "lesion_percent": (0.05, 3.0),
        "lesions": (3.0, 50.0),
    },
)
LIKE = {
    "pixel_mm": 0.55,
    "slice_mm": 6.0,
    "coverage_mm": 140.0,
    "top_share": 0.2,
    "border_share": 0.0,
    "empty_slices": 0.0,
    "grey_values": 1000.0,
    "inverted": 0.0,
    "fluid_level": 0.3,
    "dark_share": 0.7,
    "tissue_spread": 0.2,
    "bright_tail": 1.0,
    "cortex_level": 1.0,
    "lesion_ml": 10.0,
    "lesion_percent": 0.5,
    "lesions": 12.0,
}


def kinds(**changes):
    found = check_measures({**LIKE, **changes}, EXPECTED)
    return [finding.kind for finding in found]


def test_a_scan_like_the_training_scans_gives_nothing():
    assert kinds() == []


@pytest.mark.parametrize(
    ("name", "passing", "failing", "kind"),
    [
        # The range times 1.15 each way, and so on: by hand.
        ("pixel_mm", 0.44, 0.43, SPACING),
        ("pixel_mm", 0.68, 0.70, SPACING),
        ("slice_mm", 3.3, 3.1, SPACING),
        ("slice_mm", 9.9, 10.1, SPACING),
        ("coverage_mm", 110.0, 109.0, COVERAGE),
        ("coverage_mm", 400.0, 20.0, COVERAGE),
        ("top_share", 0.64, 0.66, COVERAGE),
        ("border_share", 0.06, 0.08, COVERAGE),
        ("empty_slices", 0.0, 1.0, COVERAGE),
        ("grey_values", 30.0, 29.0, CONTRAST),
        ("inverted", 0.0, 1.0, CONTRAST),
        ("fluid_level", 0.69, 0.71, CONTRAST),
        ("dark_share", 0.51, 0.49, CONTRAST),
        ("tissue_spread", 0.07, 0.05, CONTRAST),
        ("tissue_spread", 0.99, 1.01, CONTRAST),
        ("bright_tail", 0.56, 0.54, CONTRAST),
        ("cortex_level", 0.86, 0.84, CONTRAST),
        ("cortex_level", 1.19, 1.21, CONTRAST),
        ("lesion_ml", 0.6, 0.4, LESIONS),
        ("lesion_ml", 119.0, 121.0, LESIONS),
        ("lesion_percent", 4.4, 4.6, LESIONS),
        ("lesions", 149.0, 151.0, LESIONS),
    ],
)
def test_each_measure_has_its_limit(name, passing, failing, kind):
    assert kinds(**{name: passing}) == []
    assert kinds(**{name: failing}) == [kind]


def test_a_range_that_reaches_farther_is_followed():
    ranges = {**EXPECTED.ranges, "fluid_level": (0.1, 0.8)}
    wide = TrainingRange(14, ranges)
    assert check_measures({**LIKE, "fluid_level": 0.89}, wide) == ()
    assert check_measures({**LIKE, "fluid_level": 0.91}, wide) != ()


def test_the_sentence_says_what_was_expected_and_found():
    (finding,) = check_measures({**LIKE, "lesion_ml": 190.4}, EXPECTED)
    assert finding.sentence == (
        "not the lesion load of the 14 training scans: 190 ml of lesions were "
        "predicted (references of the training 1 to 60). Look at the mask "
        "with care"
    )


def test_a_kind_has_one_sentence_with_all_reasons():
    (finding,) = check_measures(
        {**LIKE, "fluid_level": 0.9, "dark_share": 0.2}, EXPECTED
    )
    for part in ("0.9 of the brain", "0.2 of the contrast", "0.1 to 0.5"):
        assert part in finding.sentence
    assert finding.sentence.count("Look at the mask") == 1
    # The table joins warnings by it.
    assert ";" not in finding.sentence


def test_what_either_side_does_not_know_is_not_checked():
    assert check_measures({**LIKE, "new": 5.0}, EXPECTED) == ()
    few = TrainingRange(3, {"slice_mm": (1.0, 1.0), "other": (0.0, 0.0)})
    (finding,) = check_measures({"slice_mm": 6.0, "fluid_level": 2.0}, few)
    assert finding.kind == SPACING
    assert kinds(cortex_level=math.nan) == []


def test_where_no_brain_is_seen_that_is_said():
    without = {n: v for n, v in LIKE.items() if n != "tissue_spread"}
    (finding,) = check_measures(without, EXPECTED)
    assert finding.kind == CONTRAST
    assert "no brain" in finding.sentence


def test_a_strange_contrast_may_come_of_a_missing_part_of_the_head():
    whole = check_measures({**LIKE, "cortex_level": 0.7}, EXPECTED)
    part = check_measures(
        {**LIKE, "cortex_level": 0.7, "coverage_mm": 60.0}, EXPECTED
    )
    assert "Is it a FLAIR? Look" in whole[0].sentence
    assert "or is it that a part of the head is missing?" in part[0].sentence
