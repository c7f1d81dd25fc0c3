import numpy as np
import pytest

from data_prep.size_classes import SizeRule, count_by_class, size_class


@pytest.mark.parametrize(
    ("volume_mm3", "name"),
    [
        (19.99, "small"),
        (20.0, "medium"),
        (19.9999999, "medium"),  # 20 mm³ by a float32 header
        (150.0, "medium"),
        (150.0000001, "medium"),
        (150.01, "large"),
    ],
)
def test_limits_of_the_classes(volume_mm3, name):
    assert size_class(volume_mm3) == name
