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


def test_every_class_is_counted():
    assert count_by_class([1.0, 20.0, 30.0]) == {
        "small": 1,
        "medium": 2,
        "large": 0,
    }


@pytest.mark.parametrize(
    ("unit", "sizes"),
    [
        ("mm3", [3.0, 30.0]),  # 0.5 · 0.75 · 8 mm³ a voxel
        ("voxels", [1.0, 10.0]),
        ("mm2_2d", [0.375, 3.75]),
        ("px_2d", [1.0, 10.0]),
    ],
)
def test_sizes_in_every_unit(unit, sizes):
    rule = SizeRule(unit)
    received = rule.sizes(np.array([1, 10]), (0.5, 0.75, 8.0))
    np.testing.assert_allclose(received, sizes)
    # The same volume, its slices stacked along the first axis.
    moved = rule.sizes(np.array([1, 10]), (8.0, 0.5, 0.75), slice_axis=0)
    np.testing.assert_allclose(moved, sizes)
    assert rule.in_slices == (unit in ("mm2_2d", "px_2d"))


def test_limits_that_are_asked_for():
    rule = SizeRule("voxels", small_below=3, large_above=5)
    classes = rule.classes(np.arange(2, 7))
    assert classes.tolist() == [0, 1, 1, 1, 2]
    assert rule.classes(np.zeros(0)).shape == (0,)


def test_rounding_in_a_header_moves_no_lesion():
    rule = SizeRule()
    spacing = tuple(float(np.float32(s)) for s in (0.4, 0.4, 6.25))
    # 20 voxels of 1 mm³ are 20 mm³, or a little less by float32.
    sizes = rule.sizes(np.array([19, 20, 150, 151]), spacing)
    assert sizes[1] != 20
    assert rule.classes(sizes).tolist() == [0, 1, 1, 2]
    # As true of limits in the thousands.
    wide = SizeRule(small_below=2000, large_above=5000)
    sizes = wide.sizes(np.array([1999, 2000, 5000, 5001]), spacing)
    assert wide.classes(sizes).tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"unit": "mm"}, "unit: expected one of mm3, voxels"),
        ({"small_below": 0}, "small_below"),
        ({"small_below": 30, "large_above": 20}, "30 and 20"),
        ({"large_above": float("inf")}, "large_above"),
        ({"small_below": float("nan")}, "small_below"),
    ],
)
def test_rules_that_make_no_sense(fields, message):
    with pytest.raises(ValueError, match=message):
        SizeRule(**fields)
