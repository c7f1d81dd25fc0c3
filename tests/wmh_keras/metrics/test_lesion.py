import itertools

import numpy as np
import pytest

from wmh_keras.metrics import components, contingency, lesion


def flood_fill(mask):
    """Components of voxels that differ by at most 1 along every axis."""
    left = {tuple(v) for v in np.argwhere(mask)}
    components = []
    while left:
        component, border = set(), [left.pop()]
        while border:
            voxel = border.pop()
            component.add(voxel)
            for step in itertools.product((-1, 0, 1), repeat=3):
                near = tuple(np.add(voxel, step))
                if near in left:
                    left.remove(near)
                    border.append(near)
        components.append(component)
    return components


def line(*values):
    """A mask whose voxels lie along x."""
    return np.array(values, np.uint8).reshape(-1, 1, 1)


def overlaps(lesions, covered):
    return lesion.LesionOverlaps(lesions, lesions.sizes, covered)


def test_corners_connect_and_gaps_do_not():
    mask = np.zeros((5, 5, 5), np.uint8)
    mask[0, 0, 0] = mask[1, 1, 1] = 1  # touch by a corner
    mask[4, 4, 4] = 1
    labels, count = lesion.label_lesions(mask)
    assert count == 2
    assert labels.dtype == np.int32
    assert labels[0, 0, 0] == labels[1, 1, 1] != labels[4, 4, 4]
    assert sorted(lesion.lesion_sizes(labels, count)) == [1, 2]


def test_no_lesion():
    labels, count = lesion.label_lesions(np.zeros((3, 4, 5), bool))
    assert count == 0
    assert labels.shape == (3, 4, 5)
    assert not labels.any()
    assert lesion.lesion_sizes(labels, count).size == 0


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_labels_against_a_flood_fill(dtype, order):
    rng = np.random.default_rng(1)
    for density in (0.03, 0.1, 0.3, 1):
        mask = np.asarray(rng.random((9, 8, 7)) < density, dtype, order=order)
        labels, count = lesion.label_lesions(mask)
        expected = flood_fill(mask)
        assert count == len(expected)
        received = {
            frozenset(map(tuple, np.argwhere(labels == i + 1).tolist()))
            for i in range(count)
        }
        assert received == {
            frozenset(tuple(int(i) for i in v) for v in c) for c in expected
        }


def test_labelling_refuses_other_shapes_and_values():
    with pytest.raises(ValueError, match="expected \\(x, y, z\\)"):
        lesion.label_lesions(np.zeros((3, 3), np.uint8))
    with pytest.raises(ValueError, match="0 to 1"):
        lesion.label_lesions(np.full((3, 3, 3), 2, np.uint8))


def test_forty_percent_is_enough_and_less_is_not():
    reference = line(*[1] * 5, 0, *[1] * 5)
    prediction = line(1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0)
    matching = lesion.match_lesions(reference, prediction)
    assert matching.reference.covered.tolist() == [2, 1]
    assert matching.reference.matched(0.4).tolist() == [True, False]
    assert matching.reference.matched(0.0).tolist() == [True, True]
    assert matching.predicted.matched(0.4).tolist() == [True, True]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.9])
def test_the_limit_itself_counts_at_every_size(share):
    """0.1 * 30 > 3 in floating point, and 3 of 30 are a tenth all the same."""
    tenths = round(share * 10)
    sizes = np.arange(10, 2000, 10)
    mask = np.zeros((len(sizes), 1, 2000), np.uint8)
    for row, size in zip(mask[::2], sizes[::2], strict=True):
        row[:, :size] = 1
    lesions = components.find_components(mask)
    enough = lesions.sizes // 10 * tenths
    assert overlaps(lesions, enough).matched(share).all()
    assert not overlaps(lesions, enough - 1).matched(share).any()


def test_scores_by_hand():
    # Reference: A of 5 voxels, B of 4, C of 2.
    reference = line(1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0)
    # Predicted: 3 voxels of A, 1 of B, and 1 that is wrong.
    prediction = line(0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    scores = lesion.lesion_scores(reference, prediction)
    assert scores.recall == 1 / 3  # A found; B 1 of 4; C 0 of 2
    assert scores.precision == 2 / 3  # the wrong one matches none
    assert scores.dice == pytest.approx(2 / (3 + 3 / 2))
    assert scores.accuracy == 1 / 4  # TP 1, FN 2, FP 1
    loose = lesion.lesion_scores(
        reference, prediction, recall_overlap=0.0, precision_overlap=0.0
    )
    assert loose.recall == 2 / 3
    assert loose.precision == 2 / 3
    assert loose.accuracy == 2 / 4


def test_precision_is_the_same_rule_with_the_roles_swapped():
    rng = np.random.default_rng(5)
    for _ in range(10):
        first = (rng.random((10, 9, 6)) < 0.1).astype(np.uint8)
        second = (rng.random((10, 9, 6)) < 0.1).astype(np.uint8)
        one = lesion.lesion_scores(first, second)
        other = lesion.lesion_scores(second, first)
        assert one.recall == other.precision
        assert one.precision == other.recall
        assert one.dice == other.dice


def test_one_large_prediction_finds_many_and_many_find_one():
    many = line(1, 0, 1, 0, 1)
    one = line(1, 1, 1, 1, 1)
    assert lesion.lesion_scores(many, one) == lesion.LesionScores(1, 1, 1, 1)
    assert lesion.lesion_scores(one, many) == lesion.LesionScores(1, 1, 1, 1)


def test_label_2_is_removed_before_labelling():
    # Label 2 cuts the prediction in two, of which the left is WMH.
    reference = line(1, 1, 2, 0, 0)
    prediction = line(1, 1, 1, 1, 1)
    matching = lesion.match_lesions(reference, prediction)
    assert matching.predicted.sizes.tolist() == [2, 2]
    assert matching.predicted.covered.tolist() == [2, 0]
    assert matching.reference.sizes.tolist() == [2]


def test_scores_against_sets():
    rng = np.random.default_rng(7)
    for density in (0.02, 0.06, 0.12):
        reference = (rng.random((10, 9, 8)) < density).astype(np.uint8)
        reference[rng.random(reference.shape) < 0.05] = 2
        prediction = (rng.random(reference.shape) < density).astype(np.uint8)
        prediction[reference == 1] |= rng.random((reference == 1).sum()) < 0.5
        in_reference = flood_fill(reference == 1)
        in_prediction = flood_fill((prediction == 1) & (reference != 2))
        r_voxels = set().union(*in_reference)
        p_voxels = set().union(*in_prediction)
        found = sum(5 * len(c & p_voxels) >= 2 * len(c) for c in in_reference)
        true = sum(5 * len(c & r_voxels) >= 2 * len(c) for c in in_prediction)
        scores = lesion.lesion_scores(reference, prediction)
        recall = found / len(in_reference)
        precision = true / len(in_prediction)
        assert scores.recall == recall
        assert scores.precision == precision
        assert scores.dice == pytest.approx(
            2 * recall * precision / (recall + precision)
        )
        false = len(in_prediction) - true
        assert scores.accuracy == found / (len(in_reference) + false)


@pytest.mark.parametrize("overlap", [-0.1, 1.1, np.nan])
def test_an_overlap_is_a_share(overlap):
    with pytest.raises(ValueError, match="min_overlap"):
        lesion.lesion_scores(line(1), line(1), recall_overlap=overlap)


def test_shared_voxels_by_hand():
    reference = line(1, 1, 0, 1, 1, 1, 0, 0, 1)
    prediction = line(0, 1, 1, 1, 0, 1, 0, 1, 0)
    shared = lesion.match_lesions(reference, prediction).contingency
    # The first predicted lesion shares a voxel with two reference ones; the
    # second reference lesion with two predicted ones.
    assert shared.reference.tolist() == [0, 1, 1]
    assert shared.predicted.tolist() == [0, 0, 1]
    assert shared.shared.tolist() == [1, 1, 1]


@pytest.mark.parametrize("slice_axis", [None, 0, 2])
@pytest.mark.parametrize("block", [7, 1 << 20])
def test_shared_voxels_against_sets(make_pair, slice_axis, block, monkeypatch):
    monkeypatch.setattr(contingency, "_BLOCK", block)
    reference, prediction = make_pair(2, label_2=0.05)
    matching = lesion.match_lesions(
        reference, prediction, slice_axis=slice_axis
    )
    sides = [
        [
            set(side.components.voxels[side.components.owner == i].tolist())
            for i in range(side.count)
        ]
        for side in (matching.reference, matching.predicted)
    ]
    expected = [
        (i, j, len(a & b))
        for i, a in enumerate(sides[0])
        for j, b in enumerate(sides[1])
        if a & b
    ]
    rows = matching.contingency
    received = zip(rows.reference, rows.predicted, rows.shared, strict=True)
    assert list(received) == expected
    assert len(expected) > 10
    everything = set().union(*sides[1])
    assert matching.reference.covered.tolist() == [
        len(voxels & everything) for voxels in sides[0]
    ]


@pytest.mark.parametrize(
    ("reference", "prediction"), [((1,), (0,)), ((0,), (1,)), ((0,), (0,))]
)
def test_an_empty_side_shares_nothing(reference, prediction):
    matching = lesion.match_lesions(line(*reference), line(*prediction))
    assert matching.contingency.shared.size == 0
    assert matching.reference.covered.tolist() == [0] * sum(reference)
    assert matching.predicted.covered.tolist() == [0] * sum(prediction)


def test_lesions_within_slices():
    # A column through three slices; the middle one is predicted.
    reference = np.zeros((3, 3, 3), np.uint8)
    reference[1, 1] = 1
    prediction = np.zeros((3, 3, 3), np.uint8)
    prediction[1, 1, 1] = 1
    whole = lesion.match_lesions(reference, prediction)
    assert whole.reference.covered.tolist() == [1]
    within = lesion.match_lesions(reference, prediction, slice_axis=2)
    assert within.reference.sizes.tolist() == [1, 1, 1]
    assert within.reference.covered.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(
        within.reference.centroids, [[1, 1, 0], [1, 1, 1], [1, 1, 2]]
    )
    np.testing.assert_array_equal(whole.reference.centroids, [[1, 1, 1]])


def test_a_full_volume_is_one_lesion():
    full = np.ones((7, 6, 5), np.uint8)
    matching = lesion.match_lesions(full, full)
    assert matching.contingency.shared.tolist() == [210]
    assert lesion.score_lesions(matching).dice == 1


@pytest.mark.parametrize(
    ("counts", "dice", "accuracy"),
    [
        # reference lesions, found, predicted lesions, matched
        ((2, 1, 0, 0), 2 / 3, 1 / 2),  # found by lesions of another class
        ((0, 0, 2, 1), 0, 0),
        ((0, 0, 2, 2), 1, 1),
        ((0, 0, 0, 0), 1, 1),
        ((4, 2, 2, 2), 2 / 3, 1 / 2),
    ],
)
def test_scores_of_counts(counts, dice, accuracy):
    names = ("in_reference", "found", "in_prediction", "matched")
    scores = lesion.score_counts(**dict(zip(names, counts, strict=True)))
    assert scores.dice == pytest.approx(dice)
    assert scores.accuracy == accuracy
