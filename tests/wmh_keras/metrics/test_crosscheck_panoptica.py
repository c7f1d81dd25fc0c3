"""Lesions and their pairs against panoptica.

panoptica pairs one reference lesion with one predicted lesion by their
intersection over union (IoU), where our rule asks how much of a lesion the
other mask covers as a whole. What agrees:

- the numbers of lesions (both take 26-connected components);
- the pairs with an IoU of at least one half, which are one to one by
  arithmetic, and their mean IoU: ours follow from the contingency;
- its true positives and our found lesions, where each predicted lesion is a
  part of one reference lesion and each reference lesion holds one at most:
  the IoU is then the covered share of the reference lesion.

They differ, as they should, where several predicted lesions find one
reference lesion together, or a large one finds several: those are found by
our rule, and panoptica takes the best pair at most.
"""

import numpy as np
import pytest

from wmh_keras.metrics import lesion

panoptica = pytest.importorskip("panoptica")


def evaluate(reference, prediction, least_iou, capsys):
    panoptica.disable_citation_reminder()
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.SEMANTIC,
        instance_approximator=(
            panoptica.ConnectedComponentsInstanceApproximator()
        ),
        instance_matcher=panoptica.NaiveThresholdMatching(
            matching_metric=panoptica.Metric.IOU, matching_threshold=least_iou
        ),
        instance_metrics=[panoptica.Metric.IOU],
        global_metrics=[panoptica.Metric.DSC],
    )
    result = evaluator.evaluate(prediction, reference)["ungrouped"]
    capsys.readouterr()  # it prints
    return result


@pytest.mark.parametrize("share", [0.02, 0.06, 0.12])
def test_lesions_and_pairs(make_pair, share, capsys):
    for seed in range(3):
        reference, prediction = make_pair(seed, share=share, label_2=0)
        ours = lesion.match_lesions(reference, prediction)
        theirs = evaluate(reference, prediction, 0.5, capsys)
        assert theirs.n_ref_instances == ours.reference.count
        assert theirs.n_pred_instances == ours.predicted.count
        pairs = ours.contingency
        either = (
            ours.reference.sizes[pairs.reference]
            + ours.predicted.sizes[pairs.predicted]
            - pairs.shared
        )
        iou = pairs.shared / either
        assert theirs.tp == (iou >= 0.5).sum() > 0
        assert theirs.sq == pytest.approx(iou[iou >= 0.5].mean())
        # An IoU of one half covers at least one half of both lesions.
        assert theirs.tp <= ours.reference.matched(0.5).sum()
        assert theirs.tp <= ours.predicted.matched(0.5).sum()


@pytest.mark.parametrize("overlap", [0.1, 0.4, 0.7])
def test_found_lesions_where_each_prediction_is_a_part_of_one(overlap, capsys):
    rng = np.random.default_rng(8)
    reference = np.zeros((60, 40, 5), np.uint8)
    prediction = np.zeros_like(reference)
    for x in range(1, 60, 6):
        for y in range(1, 40, 6):
            width, height = rng.integers(1, 6, 2)
            reference[x : x + width, y : y + height, 1:4] = 1
            part = rng.integers(0, width + 1)
            prediction[x : x + part, y : y + height, 1:4] = 1
    ours = lesion.match_lesions(reference, prediction)
    found = int(ours.reference.matched(overlap).sum())
    theirs = evaluate(reference, prediction, overlap, capsys)
    assert theirs.tp == found
    assert theirs.fn == ours.reference.count - found
    assert 0 < found < ours.reference.count


def test_where_the_two_rules_differ(capsys):
    reference = np.zeros((12, 3, 3), np.uint8)
    reference[1:10, 1, 1] = 1
    prediction = reference.copy()
    prediction[[4, 7]] = 0  # three parts, 7 of 9 voxels together
    ours = lesion.match_lesions(reference, prediction)
    assert ours.reference.matched(0.4).tolist() == [True]
    assert ours.predicted.matched(0.4).all()
    assert evaluate(reference, prediction, 0.4, capsys).tp == 0
