import json
import math

import pytest

from wmh_keras.plausibility.training_range import (
    TrainingRange,
    merge_ranges,
    parse_training_range,
    range_of,
)


def test_low_and_high_of_each_measure():
    found = range_of(
        [
            {"slice_mm": 6.0, "lesion_ml": 3.0},
            {"slice_mm": 1.0, "lesion_ml": math.nan},
            {"slice_mm": 5.0, "pixel_mm": 0.6},
        ]
    )
    assert found == TrainingRange(
        3,
        {
            "slice_mm": (1.0, 6.0),
            "lesion_ml": (3.0, 3.0),
            "pixel_mm": (0.6, 0.6),
        },
    )


def test_without_scans_there_is_no_range():
    assert range_of([]) is None


def test_it_survives_json():
    one = TrainingRange(14, {"slice_mm": (1.0, 8.1), "later_one": (-2.0, 0.0)})
    text = json.dumps(one.to_json())
    assert parse_training_range(json.loads(text)) == one
    assert parse_training_range(None) is None


def test_members_that_know_their_range_are_joined():
    one = TrainingRange(14, {"slice_mm": (1.0, 6.0), "pixel_mm": (0.6, 0.7)})
    other = TrainingRange(12, {"slice_mm": (3.0, 8.0)})
    joined = merge_ranges([one, None, other])
    assert joined == TrainingRange(
        14, {"slice_mm": (1.0, 8.0), "pixel_mm": (0.6, 0.7)}
    )
    assert merge_ranges([other, one]) == joined
    assert merge_ranges([joined, one]) == joined
    assert merge_ranges([None]) is None
    assert merge_ranges([]) is None


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"ranges": {}},
        {"volumes": 0, "ranges": {}},
        {"volumes": True, "ranges": {}},
        {"volumes": 3},
        {"volumes": 3, "ranges": {"a": [1.0]}},
        {"volumes": 3, "ranges": {"a": [2.0, 1.0]}},
        {"volumes": 3, "ranges": {"a": [0.0, math.nan]}},
        {"volumes": 3, "ranges": {"a": [0.0, math.inf]}},
        {"volumes": 3, "ranges": {"a": ["0", "1"]}},
        {"volumes": 3, "ranges": {"a": [False, True]}},
    ],
)
def test_what_is_no_range_is_refused(content):
    with pytest.raises(ValueError, match="training_range"):
        parse_training_range(content)
