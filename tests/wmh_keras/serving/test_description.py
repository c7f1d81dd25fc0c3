"""What a served model says of itself, and what nobody may say."""

import json

import pytest

from data_prep.preprocess_config import PreprocessConfig
from wmh_keras.serving.description import Description

SOUND = Description("unet-0123456789ab", PreprocessConfig(side=64), 0.5, 3.0)


def test_there_and_back():
    assert Description.from_json(SOUND.to_json()) == SOUND


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("threshold", 10**400, "threshold: a number without end"),
        ("threshold", 0, "expected a threshold above 0"),
        ("min_lesion_mm3", -1, "min_lesion_mm3 of 0 or more"),
        ("identity", "unet\x1b[2J\n0.5", "identity: expected a name"),
    ],
)
def test_other_values_are_refused(field, value, message):
    text = json.dumps(json.loads(SOUND.to_json()) | {field: value})
    with pytest.raises(ValueError, match=message):
        Description.from_json(text)


def test_what_is_nested_without_end_is_refused():
    with pytest.raises(ValueError, match="nested"):
        Description.from_json("[" * 200_000)
