"""Class scores: by hand, and beside a version that goes voxel by voxel."""

import itertools
import math

import numpy as np
import pytest

from wmh_keras.metrics import lesion
from wmh_keras.metrics.size_class_scores import score_classes


def row(text):
    """Voxels along x from 0, 1 and 2; "." stands for 0."""
    values = [int(c) for c in text.replace(".", "0")]
    return np.array(values, np.uint8).reshape(-1, 1, 1)


def score(reference, prediction, limits=(3, 5), **options):
    """Small below the first limit, large above the second, in voxels."""
    matching = lesion.match_lesions(reference, prediction)

    def classes(sizes):
        return 1 - (sizes < limits[0]) + (sizes > limits[1])

    return score_classes(
        matching,
        classes(matching.reference.sizes),
        classes(matching.predicted.sizes),
        **options,
    )


def neighbours(voxel, mask, in_slices):
    for step in itertools.product((-1, 0, 1), repeat=3):
        near = tuple(a + b for a, b in zip(voxel, step, strict=True))
        if in_slices and step[2]:
            continue
        inside = all(0 <= n < s for n, s in zip(near, mask.shape, strict=True))
        if inside and mask[near]:
            yield near


def plain_lesions(mask, in_slices):
    """Lesions as sets of voxels, grown one neighbour at a time."""
    seen, lesions = set(), []
    for start in map(tuple, np.argwhere(mask).tolist()):
        if start in seen:
            continue
        grown, todo = {start}, [start]
        while todo:
            for near in neighbours(todo.pop(), mask, in_slices):
                if near not in grown:
                    grown.add(near)
                    todo.append(near)
        seen |= grown
        lesions.append(grown)
    return lesions


def plain_class(reference, prediction, belongs, *, in_slices, overlaps):
    """The scores of the lesions whose size `belongs`, from the definition."""
    all_reference = plain_lesions(reference == 1, in_slices)
    predicted = plain_lesions((prediction == 1) & (reference != 2), in_slices)
    wmh = set().union(*all_reference)
    covered = set().union(*predicted)
    r_c = set().union(*(c for c in all_reference if belongs(len(c))))
    p_c = set()
    for component in predicted:
        if component & r_c:
            p_c |= component - (wmh - r_c)
        elif not component & wmh and belongs(len(component)):
            p_c |= component
    true = len(r_c & covered)
    ours = [c for c in all_reference if belongs(len(c))]
    theirs = [c for c in predicted if belongs(len(c))]
    found = sum(len(c & covered) >= overlaps[0] * len(c) for c in ours)
    good = sum(len(c & wmh) >= overlaps[1] * len(c) for c in theirs)
    return {
        "reference_lesions": len(ours),
        "found_lesions": found,
        "predicted_lesions": len(theirs),
        "matched_lesions": good,
        "reference_voxels": len(r_c),
        "predicted_voxels": sum(map(len, theirs)),
        "dice_within": 2 * true / (true + len(r_c)) if r_c else math.nan,
        "dice": 2 * len(r_c & p_c) / (len(r_c) + len(p_c))
        if r_c or p_c
        else 1.0,
    }


@pytest.mark.parametrize("in_slices", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.04, 0.1])
def test_against_voxel_by_voxel(make_pair, share, in_slices):
    axis = 2 if in_slices else None
    touched_two_classes = 0
    for seed in range(6):
        reference, prediction = make_pair(seed, share=share)
        matching = lesion.match_lesions(reference, prediction, slice_axis=axis)
        low, high = 3, 8
        bounds = [(0, low - 1), (low, high), (high + 1, math.inf)]
        classes = [
            1 - (sizes < low) + (sizes > high)
            for sizes in (matching.reference.sizes, matching.predicted.sizes)
        ]
        received = score_classes(
            matching, *classes, recall_overlap=0.5, precision_overlap=0.25
        )
        for index, (first, last) in enumerate(bounds):
            expected = plain_class(
                reference,
                prediction,
                lambda size, a=first, b=last: a <= size <= b,
                in_slices=in_slices,
                overlaps=(0.5, 0.25),
            )
            for name, value in expected.items():
                np.testing.assert_equal(
                    getattr(received[index], name), value, err_msg=name
                )
        pairs = matching.contingency
        for lesion_index in np.unique(pairs.predicted):
            touched = pairs.reference[pairs.predicted == lesion_index]
            touched_two_classes += len(set(classes[0][touched])) > 1
    # Otherwise the hard part of the definition has not been met.
    assert touched_two_classes or share < 0.1


def test_a_prediction_across_two_classes_by_hand():
    # A small lesion of 2, a large one of 6; one prediction across both.
    reference = row("11..111111")
    prediction = row("1111111...")
    small, medium, large = score(reference, prediction)
    # Small: R 2, P 7 less 3 of the large lesion = 4, TP 2.
    assert small.dice == 2 * 2 / (4 + 2)
    assert small.dice_within == 1
    # Large: R 6, P 7 less 2 of the small one = 5, TP 3.
    assert large.dice == 2 * 3 / (5 + 6)
    assert large.dice_within == 2 * 3 / (3 + 6)
    # No lesion of medium size in either: the prediction is large.
    assert medium.dice == 1
    assert math.isnan(medium.dice_within)
    assert (large.predicted_lesions, large.matched_lesions) == (1, 1)
    assert (large.predicted_voxels, large.reference_voxels) == (7, 6)
    assert (small.found_lesions, small.predicted_lesions) == (1, 0)


def test_false_lesions_count_in_the_class_of_their_size():
    reference = row("111111..........")
    prediction = row("111111..1.111...")
    small, medium, large = score(reference, prediction)
    assert (small.dice, medium.dice, large.dice) == (0, 0, 1)
    assert math.isnan(small.dice_within)
    assert large.dice_within == 1
    assert (small.lesion_precision, medium.lesion_precision) == (0, 0)
    assert large.lesion_dice == 1


def test_a_missed_class():
    small, medium, large = score(row("1.11111111"), row("..11111111"))
    assert (small.dice_within, small.dice, small.lesion_recall) == (0, 0, 0)
    assert (small.lesion_dice, small.lesion_accuracy) == (0, 0)
    assert math.isnan(small.lesion_precision)
    assert (medium.dice, medium.lesion_dice) == (1, 1)
    assert large.dice_within == large.dice == large.lesion_dice == 1


def test_a_lesion_found_at_another_size_is_no_error_of_either_class():
    # Reference of 2 (small), predicted with 3 (medium).
    small, medium, _ = score(row("11..."), row("111.."))
    assert (small.lesion_recall, small.lesion_dice) == (1, 1)
    assert math.isnan(small.lesion_precision)
    assert (medium.lesion_precision, medium.lesion_dice) == (1, 1)
    assert math.isnan(medium.lesion_recall)
    assert medium.lesion_accuracy == small.lesion_accuracy == 1
    # The voxel too many is small's: that is whom the prediction touches.
    assert small.dice == 2 * 2 / (2 + 3)
    assert medium.dice == 1


def test_one_class_for_all_is_the_whole_volume(make_pair):
    reference, prediction = make_pair(1)
    matching = lesion.match_lesions(reference, prediction)
    none = np.zeros(matching.reference.count, int)
    (only,) = score_classes(
        matching, none, np.zeros(matching.predicted.count, int), num_classes=1
    )
    whole = lesion.score_lesions(matching)
    assert only.lesion_recall == whole.recall
    assert only.lesion_precision == whole.precision
    assert only.lesion_dice == whole.dice
    assert only.lesion_accuracy == whole.accuracy
    wmh, predicted = reference == 1, (prediction == 1) & (reference != 2)
    both = (wmh & predicted).sum()
    assert only.dice == 2 * both / (wmh.sum() + predicted.sum())


@pytest.mark.parametrize("overlap", [0.4, 0.0])
def test_the_rule_is_the_one_asked_for(overlap):
    large = score(
        row("11111111.."),
        row(".......111"),
        recall_overlap=overlap,
        precision_overlap=overlap,
    )[2]
    assert large.found_lesions == (overlap == 0)


@pytest.mark.parametrize(
    ("reference_class", "predicted_class", "message"),
    [
        ([0, 1], [0], "reference_class: expected one class for each of 1"),
        ([3], [0], "reference_class: expected integers from 0 to 2"),
        ([0], [-1], "predicted_class: expected integers"),
        ([0], [0.0], "predicted_class: expected integers"),
    ],
)
def test_classes_that_do_not_fit(reference_class, predicted_class, message):
    matching = lesion.match_lesions(row("11."), row(".11"))
    with pytest.raises(ValueError, match=message):
        score_classes(
            matching, np.array(reference_class), np.array(predicted_class)
        )
