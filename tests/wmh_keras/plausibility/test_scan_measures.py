import dataclasses

import numpy as np
import pytest

from data_prep.preprocess_config import PreprocessConfig
from data_prep.volume import Volume
from wmh_keras.plausibility.scan_measures import (
    measure_labelled,
    measure_lesions,
    measure_scan,
)

CONFIG = PreprocessConfig(side=384)


@pytest.fixture(scope="module")
def head(make_gyral_head):
    """150 × 190 × 140 mm in 192 × 224 × 156 mm; 26 slices of 6 mm."""
    return make_gyral_head()


def cut(volume, x=slice(None), z=slice(None)):
    data = np.ascontiguousarray(volume.data[x, :, z])
    return Volume(data, volume.affine)


def test_a_whole_head(head):
    found = measure_scan(head, CONFIG)
    # 112 voxels of 2 mm are enlarged to 384.
    assert found["pixel_mm"] == pytest.approx(2 * 112 / 384, abs=1e-4)
    assert found["slice_mm"] == 6
    # Slices at 3, 9 … 63 mm; at 69 of 70 mm the area is below 5 %.
    assert found["coverage_mm"] == 22 * 6
    ellipsoid = 4 / 3 * np.pi * 75 * 95 * 70 / 1000
    assert found["head_ml"] == pytest.approx(ellipsoid, rel=0.03)
    assert found["border_share"] == 0
    assert found["top_share"] == 0
    assert found["empty_slices"] == 0
    assert found["grey_values"] > 10_000


def test_a_head_without_its_top(head):
    found = measure_scan(cut(head, z=slice(18)), CONFIG)
    # From 70 mm below the middle to 30 mm above it, where an ellipsoid of 70
    # mm has 1 - (30 / 70)² of its largest area.
    assert found["coverage_mm"] == (11 + 5) * 6
    assert found["top_share"] == pytest.approx(1 - (30 / 70) ** 2, abs=0.06)


def test_a_head_that_is_cut_in_the_plane(head):
    found = measure_scan(cut(head, x=slice(0, 60)), CONFIG)
    # A chord of about 180 mm in an outline of about 600.
    assert 0.2 < found["border_share"] < 0.4


def test_slices_that_are_missing(head):
    data = head.data.copy()
    data[:, :, [9, 17]] = 0
    data[:, :, 0] = 0  # the air above and below may be empty
    found = measure_scan(head.with_data(data), CONFIG)
    assert found["empty_slices"] == 2


def test_the_pixel_is_the_prepared_one(head):
    cropped = measure_scan(head, PreprocessConfig(side=96))
    assert cropped["pixel_mm"] == 2
    shrunk = measure_scan(head, PreprocessConfig(side=56, oversize="resize"))
    assert shrunk["pixel_mm"] == 4


def test_the_grid_of_other_than_axial_slices_is_left_out(head):
    # 8 mm between sagittal slices: there is a warning of its own.
    affine = head.affine @ np.diag([4, 1, 1, 1])
    found = measure_scan(dataclasses.replace(head, affine=affine), CONFIG)
    assert "slice_mm" not in found
    assert "pixel_mm" not in found
    assert "coverage_mm" in found


def test_few_grey_values_are_counted(head):
    labels = np.digitize(head.data, [30, 80, 105]).astype(np.float32)
    assert measure_scan(head.with_data(labels), CONFIG)["grey_values"] == 4


def test_a_thin_single_slice_has_no_brain_but_is_measured(head):
    found = measure_scan(cut(head, z=slice(13, 14)), CONFIG)
    assert found["coverage_mm"] == 6
    assert found["top_share"] == 1
    assert "fluid_level" not in found


def test_the_load_of_lesions():
    assert measure_lesions(24.0, 7, 1200.0) == {
        "lesion_ml": 24.0,
        "lesion_percent": 2.0,
        "lesions": 7.0,
    }
    assert set(measure_lesions(0.0, 0, 1200.0).values()) == {0.0}


def test_a_reference_without_a_lesion_is_no_load(head):
    empty = Volume(np.zeros(head.shape, np.uint8), head.affine)
    (found,) = measure_labelled([(head, empty)], CONFIG)
    assert found == measure_scan(head, CONFIG)


def test_references_are_measured_by_label_1_alone(head):
    mask = np.zeros(head.shape, np.uint8)
    mask[40:45, 50:55, 12:14] = 1  # 50 voxels of 24 mm³
    mask[60:62, 50, 12] = 1
    mask[50:60, 70:80, 10] = 2
    labelled = Volume(mask, head.affine)
    (found,) = measure_labelled([(head, labelled)], CONFIG)
    assert found["lesions"] == 2
    assert found["lesion_ml"] == pytest.approx(52 * 24 / 1000)
    assert found["lesion_percent"] == pytest.approx(
        100 * 52 * 24 / 1000 / found["head_ml"], abs=1e-4
    )
    assert found.keys() > measure_scan(head, CONFIG).keys()
