"""The Challenge metrics as its official script computes them: SimpleITK.

The script works on SimpleITK images; what follows here does the same steps,
on masks whose labels are read as written (the script's own limits go wrong on
an integer file), and only where it gives an answer: neither mask is empty.
"""

import itertools

import numpy as np
import pytest
from scipy import spatial

from data_prep.nifti import read_volume
from wmh_keras.metrics import challenge

sitk = pytest.importorskip("SimpleITK")


def as_images(reference, prediction, spacing):
    """Label 1 of the reference, and the prediction outside label 2."""
    images = []
    for mask in (reference == 1, (prediction == 1) & (reference != 2)):
        image = sitk.GetImageFromArray(mask.astype(np.uint8).transpose(2, 1, 0))
        image.SetSpacing([float(s) for s in spacing])
        images.append(image)
    return images


def official_h95(first, second):
    points = []
    for image in (first, second):
        eroded = sitk.BinaryErode(image, (1, 1, 0))
        boundary = sitk.GetArrayFromImage(
            sitk.And(image, sitk.Not(sitk.Cast(eroded, sitk.sitkUInt8)))
        )
        voxels = np.argwhere(boundary)[:, ::-1].tolist()
        points.append(
            [image.TransformIndexToPhysicalPoint(voxel) for voxel in voxels]
        )
    directed = [
        spatial.cKDTree(goal).query(start)[0]
        for start, goal in (points, points[::-1])
    ]
    return max(np.percentile(distances, 95) for distances in directed)


def official_lesions(first, second):
    """Recall of the reference's lesions, precision, and F1."""
    label = sitk.ConnectedComponentImageFilter()
    label.SetFullyConnected(True)
    shares = []
    for image, other in ((first, second), (second, first)):
        numbered = label.Execute(image)
        hit = sitk.GetArrayFromImage(
            sitk.Multiply(numbered, sitk.Cast(other, sitk.sitkUInt32))
        )
        shares.append(len(np.unique(hit[hit > 0])) / label.GetObjectCount())
    recall, precision = shares
    total = recall + precision
    return recall, 2 * precision * recall / total if total else 0.0


def official_scores(reference, prediction, spacing):
    first, second = as_images(reference, prediction, spacing)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(first, second)
    volumes = []
    for image in (first, second):
        statistics = sitk.StatisticsImageFilter()
        statistics.Execute(image)
        volumes.append(statistics.GetSum())
    recall, f1 = official_lesions(first, second)
    return challenge.ChallengeScores(
        dsc=overlap.GetDiceCoefficient(),
        h95_mm=official_h95(first, second),
        avd_percent=abs(volumes[0] - volumes[1]) / volumes[0] * 100,
        lesion_recall=recall,
        lesion_f1=f1,
    )


def check_equal(reference, prediction, spacing):
    received = challenge.challenge_scores(reference, prediction, spacing)
    expected = official_scores(reference, prediction, spacing)
    for name, value in vars(expected).items():
        assert getattr(received, name) == pytest.approx(value, rel=1e-9), name
    return received


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("share", [0.005, 0.05, 0.3])
def test_random_volumes(make_pair, share, dtype):
    for seed in range(5):
        reference, prediction = make_pair(seed, share=share, label_2=0.03)
        check_equal(
            reference.astype(dtype), prediction.astype(dtype), (0.9, 0.8, 6.4)
        )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_masks_that_run_out_of_the_image(axis):
    shape = (14, 12, 6)
    for side, shift in itertools.product((slice(0, 4), slice(-4, None)), (1,)):
        reference = np.zeros(shape, np.uint8)
        place = [slice(3, 9), slice(2, 8), slice(1, 5)]
        place[axis] = side
        reference[tuple(place)] = 1
        prediction = np.roll(reference, shift, axis=(axis + 1) % 3)
        scores = check_equal(reference, prediction, (1.0, 1.1, 3.0))
        assert 0 < scores.dsc < 1


def test_slices_of_another_axis_are_those_of_the_turned_volume(make_pair):
    reference, prediction = make_pair(3)
    expected = official_scores(reference, prediction, (0.9, 0.8, 6.4))
    received = challenge.challenge_scores(
        np.moveaxis(reference, 2, 0),
        np.moveaxis(prediction, 2, 0),
        (6.4, 0.9, 0.8),
        slice_axis=0,
    )
    assert received.h95_mm == pytest.approx(expected.h95_mm)
    assert received.lesion_f1 == pytest.approx(expected.lesion_f1)


@pytest.mark.parametrize("subject", ["tabriz104670", "ljubljana07"])
def test_real_references_and_a_shifted_copy(realdata_dir, subject):
    folder = realdata_dir / "derivatives/manual" / f"sub-{subject}" / "anat"
    volume = read_volume(folder / f"sub-{subject}_label-WMH_mask.nii.gz")
    reference = volume.data.astype(np.uint8)
    prediction = np.roll(reference, (2, -1), axis=(0, 1))
    prediction[:, :, ::3] = 0  # so that lesions are missed and torn apart
    scores = check_equal(reference, prediction, volume.spacing_mm)
    assert 0 < scores.lesion_recall < 1 or scores.avd_percent > 10
