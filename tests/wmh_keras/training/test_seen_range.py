import pytest

from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.seen_range import (
    earlier_range,
    measure_training_range,
)


@pytest.fixture(scope="module")
def records(small_data):
    return small_data.select("train")


@pytest.fixture(scope="module")
def measured(small_data, records):
    return measure_training_range(small_data, records)


def config(**changes):
    return TrainingConfig(data_dir="d", workdir="w", **changes)


def patches(**changes):
    return config(patch_size=(16, 16), thick_slices=0.5, **changes)


def test_the_scans_of_a_data_set_are_measured(measured, records):
    assert measured.volumes == len(records) == 3
    # Heads of 26 × 30 voxels of 6.6 mm, enlarged to slices of 32.
    pixel_mm = 6.6 * 30 / 32
    assert measured.ranges["pixel_mm"] == pytest.approx((pixel_mm,) * 2)
    assert measured.ranges["slice_mm"] == pytest.approx((20, 20))
    low, high = measured.ranges["lesion_ml"]
    assert 0 < low < high


def test_what_augmentation_makes_of_them_counts(small_data, records, measured):
    simulated = measure_training_range(
        small_data, records, patches(scaling=0.2)
    )
    pixel_mm = 6.6 * 30 / 32
    assert simulated.ranges["pixel_mm"] == pytest.approx(
        (pixel_mm / 1.2, pixel_mm / 0.8)
    )
    # Slices of 20 mm are thicker than any that are made.
    assert simulated.ranges["slice_mm"] == measured.ranges["slice_mm"]
    assert simulated.volumes == 3
    thicker = patches(scaling=0.0, thick_to_mm=25.0)
    thicker = measure_training_range(small_data, records, thicker)
    assert thicker.ranges["slice_mm"] == pytest.approx((20, 25))
    assert thicker.ranges["pixel_mm"] == measured.ranges["pixel_mm"]


def test_no_augmentation_changes_nothing(small_data, records, measured):
    none = config(scaling=0.2, augmentation_probability=0.0)
    assert measure_training_range(small_data, records, none) == measured


def test_the_order_of_the_records_is_no_matter(small_data, records, measured):
    assert measure_training_range(small_data, records[::-1]) == measured


def test_a_folder_without_a_model_knows_nothing(tmp_path):
    assert earlier_range(tmp_path) is None
