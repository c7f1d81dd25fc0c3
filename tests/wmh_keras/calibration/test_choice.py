import numpy as np
import pytest

from wmh_keras.calibration.choice import (
    VolumeScores,
    average,
    choose,
    find_setting,
    warn_of_choice,
    warn_of_few,
)
from wmh_keras.calibration.grid import Grid, GridScores
from wmh_keras.evaluation.volume_key import VolumeKey

GRID = Grid((0.3, 0.5, 0.7), (0.0, 5.0))
FLAT = np.full((3, 2), 0.5)


def volume(subject, site, dice, f1=FLAT, session=""):
    key = VolumeKey(subject, session, site=site)
    dice = np.broadcast_to(np.asarray(dice, float), (3, 2))
    return VolumeScores(key, GridScores(dice, np.asarray(f1, float)))


def choose_by(dice, f1=FLAT, criterion="dice"):
    means = average([volume("a", "", dice, f1)], by_site=True)
    return choose(means, GRID, criterion)


def warnings_of(dice, f1=FLAT, grid=GRID, criterion="dice"):
    means = average([volume("a", "", dice, f1)], by_site=True)
    return warn_of_choice(choose(means, GRID, criterion), means, grid)


def test_a_subject_and_a_site_count_once():
    volumes = [
        volume("a", "north", 0.2, session="1"),
        volume("a", "north", 0.4, session="2"),
        volume("b", "north", 0.9),
        volume("c", "south", 0.1),
    ]
    means = average(volumes, by_site=True)
    assert means.sites["north"].scores.dice[0, 0] == pytest.approx(0.6)
    assert means.sites["south"].scores.dice[0, 0] == pytest.approx(0.1)
    assert means.overall.scores.dice[2, 1] == pytest.approx(0.35)
    assert (means.overall.num_subjects, means.overall.num_volumes) == (3, 4)
    means = average(volumes, by_site=False)
    assert means.overall.scores.dice[2, 1] == pytest.approx(1.3 / 3)


def test_the_highest_mean_is_chosen_by_the_criterion():
    dice = [[0.1, 0.2], [0.3, 0.4], [0.9, 0.5]]
    f1 = [[0.1, 0.8], [0.3, 0.4], [0.0, 0.2]]
    found = choose_by(dice, f1, "dice")
    assert (found.threshold, found.min_lesion_mm3) == (0.7, 0.0)
    assert (found.dice, found.lesion_f1) == (0.9, 0.0)
    found = choose_by(dice, f1, "lesion_f1")
    assert (found.threshold, found.min_lesion_mm3) == (0.3, 5.0)
    found = choose_by(dice, f1, "dice_and_f1")
    assert found.to_json() == {
        "threshold": 0.3,
        "min_lesion_mm3": 5.0,
        "dice": 0.2,
        "lesion_f1": 0.8,
        "dice_and_f1": 0.5,
    }


@pytest.mark.parametrize(
    ("dice", "expected"),
    [
        (FLAT, (0.5, 0.0)),
        ([[1, 1], [0, 1], [1, 1]], (0.5, 5.0)),
        ([[0, 1], [0, 0], [1, 0]], (0.7, 0.0)),
        ([[1, 0], [0, 0], [1, 0]], (0.3, 0.0)),
        # Equal but for rounding.
        ([[0.3, 0], [0.1 + 0.2 - 1e-15, 0], [0, 0]], (0.5, 0.0)),
    ],
)
def test_of_equal_settings_the_mildest(dice, expected):
    found = choose_by(dice)
    assert (found.threshold, found.min_lesion_mm3) == expected


def test_a_setting_is_looked_up():
    means = average([volume("a", "", [[1, 2], [3, 4], [5, 6]])], by_site=True)
    assert find_setting(means, GRID, 0.7, 5.0).dice == 6
    assert find_setting(means, GRID, 0.4, 5.0) is None
    assert find_setting(means, GRID, 0.7, 1.0) is None


def test_the_end_of_the_grid_is_warned_of():
    (warning,) = warnings_of([[1, 0], [0, 0], [0, 0]])
    assert "threshold 0.3 is at the end" in warning
    (warning,) = warnings_of([[0, 0], [0, 1], [0, 0]])
    assert "minimum size 5 mm³ is the largest" in warning
    assert warnings_of(FLAT) == []
    # Of one threshold, and of no removal, there is nothing to say.
    assert warnings_of(FLAT, grid=Grid((0.5,), (0.0,))) == []


@pytest.mark.parametrize(("subjects", "count"), [("abcd", 1), ("abcde", 0)])
def test_few_subjects_are_warned_of(subjects, count):
    volumes = [volume(name, "", FLAT) for name in subjects]
    warnings = warn_of_few(average(volumes, by_site=True))
    assert len(warnings) == count
    assert all("by 4 subjects alone" in text for text in warnings)


def test_a_mask_that_touches_everything_is_warned_of():
    dice = [[0.01, 0.01], [0.6, 0.6], [0.1, 0.1]]
    f1 = [[0.1, 0.1], [0.35, 0.3], [1.0, 0.1]]
    far, border = warnings_of(dice, f1, criterion="lesion_f1")
    assert "0.10, is far below the highest, 0.60" in far
    assert "is at the end" in border
    assert warnings_of(dice, f1) == []
