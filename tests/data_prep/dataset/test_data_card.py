"""The data card's numbers, by hand."""

import numpy as np
import pytest

from data_prep.cases.case import Case
from data_prep.dataset.data_card import (
    VolumeSummary,
    format_data_card,
    lesion_sizes_mm3,
    make_data_card,
    summarize_volume,
)
from data_prep.dataset.plan import PreparationPlan
from data_prep.files import write_json
from data_prep.preprocess import PreprocessConfig, volume_to_slices
from data_prep.volume import Volume


def make_mask(*voxels, label=1, spacing=(1.0, 2.0, 5.0)) -> Volume:
    data = np.zeros((8, 9, 4), np.uint8)
    for voxel in voxels:
        data[voxel] = label
    return Volume(data, np.diag([*spacing, 1.0]))


def test_lesions_touch_by_corners_and_count_in_mm3():
    corner = make_mask((1, 1, 1), (2, 2, 2), (6, 6, 0))
    assert sorted(lesion_sizes_mm3(corner)) == [10.0, 20.0]


def test_other_pathology_is_no_lesion():
    assert lesion_sizes_mm3(make_mask((1, 1, 1), label=2)) == []
    assert lesion_sizes_mm3(make_mask()) == []


def test_summary_of_a_volume():
    mask = make_mask((1, 1, 1), (1, 2, 1), (6, 6, 3))
    mask.data[5, 5, 2] = 2
    random = np.random.default_rng(0)
    image = mask.with_data(random.normal(size=mask.shape).astype(np.float32))
    prepared = volume_to_slices([image], PreprocessConfig(side=18), mask)
    summary = summarize_volume(mask, prepared)
    assert summary.num_slices == 4
    assert summary.slices_with_wmh == 2
    assert summary.native_shape == (8, 9, 4)
    assert summary.orientation == "RAS"
    assert summary.spacing_mm == (1, 2, 5)
    assert sorted(summary.lesion_sizes_mm3) == [10, 20]
    assert summary.wmh_ml == pytest.approx(0.03)
    bare = summarize_volume(None, volume_to_slices([image], prepared_config()))
    assert bare.lesion_sizes_mm3 is None
    assert bare.wmh_ml is None


def prepared_config():
    return PreprocessConfig(side=18)


@pytest.fixture
def card():
    cases = [
        Case("1", (("flair", "a"),), session="1", site="x", mask="m"),
        Case("1", (("flair", "a"),), session="2", site="x", mask="m"),
        Case("2", (("flair", "a"),), mask="m"),
        Case("3", (("flair", "a"),)),
    ]
    plan = PreparationPlan.of(
        cases, {"1": "train", "2": "test"}, prepared_config()
    )
    sizes = {
        # The bounds themselves are medium.
        "sub-1_ses-1": (19.9, 20.0, 150.0),
        "sub-1_ses-2": (150.1,),
        "sub-2": (),
        "sub-3": None,
    }
    summaries = {
        name: VolumeSummary(
            num_slices=10 + index,
            slices_with_wmh=index,
            native_shape=(8, 9, 4),
            orientation="RAS",
            spacing_mm=(1.0 + index, 1.0, 5.0),
            lesion_sizes_mm3=own,
            warnings=("odd",) if index == 1 else (),
        )
        for index, (name, own) in enumerate(sizes.items())
    }
    return make_data_card(
        plan,
        summaries,
        "abc123",
        choices={"seed": 4},
        left_out={"excluded": 2},
        times={"seconds": 1.5},
        files={"cases.csv": "0" * 64},
    )


def test_card_counts_by_split(card):
    assert list(card["splits"]) == ["train", "test", "unlabelled"]
    train = card["splits"]["train"]
    assert (train["subjects"], train["volumes"], train["slices"]) == (1, 2, 21)
    assert train["slices_with_wmh"] == 1
    assert train["sites"] == {"x": 2}
    assert train["spacing_mm"]["x"] == [1.0, 1.5, 2.0]
    lesions = train["lesions"]
    assert [lesions[name] for name in ("small", "medium", "large")] == [1, 2, 1]
    assert lesions["median_ml"] == pytest.approx((0.1899 + 0.1501) / 2)
    assert card["splits"]["test"]["lesions"]["volumes_without"] == 1
    assert card["splits"]["unlabelled"]["lesions"] is None
    assert card["warnings"] == 1


def test_card_is_json_and_readable(card, tmp_path):
    write_json(tmp_path / "card.json", card)  # refuses NaN
    text = format_data_card(card)
    assert "| train | 1 | 2 | 21 | 1 | x 2 |" in text
    assert "| train | 1 | 2 | 1 | 0.17 | 0 |" in text
    assert "- seed: 4" in text
    assert "- left out, excluded: 2" in text
    assert "abc123" in text
