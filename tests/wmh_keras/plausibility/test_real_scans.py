"""Real FLAIR of three sites and more scanners, and other contrasts of them."""

import re

import nibabel as nib
import numpy as np
import pytest
import scipy.ndimage

from data_prep.geometry import slice_geometry
from data_prep.nifti import read_volume
from data_prep.preprocess_config import PreprocessConfig
from wmh_keras.plausibility.check import CONTRAST, COVERAGE, check_measures
from wmh_keras.plausibility.coarse_head import find_coarse_head
from wmh_keras.plausibility.scan_measures import measure_scan
from wmh_keras.plausibility.training_range import range_of

CONFIG = PreprocessConfig()
# Brightness of fluid, grey and white matter.
CONTRASTS = {
    "T1": (0.25, 0.65, 1.0),
    "T2": (2.6, 1.25, 0.9),
    "PD": (1.05, 1.15, 0.95),
}


def measure(path):
    return measure_scan(read_volume(str(path)), CONFIG)


@pytest.fixture(scope="module")
def sites(realdata_dir):
    """Site to the measures of its scans."""
    found = {}
    for path in sorted(realdata_dir.glob("sub-*/anat/*_FLAIR.nii.gz")):
        site = re.match("sub-(mslesseg|[a-z]+)", path.name).group(1)
        found.setdefault(site, []).append(measure(path))
    assert len(found) == 3
    return found


@pytest.fixture(scope="module")
def expected(sites):
    return range_of(scan for scans in sites.values() for scan in scans)


def kinds(measures, expected):
    return {finding.kind for finding in check_measures(measures, expected)}


def test_no_flair_of_a_site_that_was_not_seen_is_called_another_contrast(
    sites,
):
    for left_out, scans in sites.items():
        others = range_of(
            scan for site in sites if site != left_out for scan in sites[site]
        )
        for scan in scans:
            assert not kinds(scan, others) & {CONTRAST, COVERAGE}, left_out


def test_no_flair_of_other_scanners_is_warned_of(realdata_extra_dir, expected):
    paths = sorted(realdata_extra_dir.glob("unlabelled/sub-*/ses-*/anat/*.gz"))
    assert len(paths) == 11
    for path in paths:
        assert not kinds(measure(path), expected), path.name


def test_a_flair_that_is_inverted_is_warned_of(
    realdata_dir, realdata_extra_dir, expected
):
    # Thick slices; the largest load of lesions; a head of other scanners.
    paths = [
        *realdata_dir.glob("sub-tabriz*/anat/*_FLAIR.nii.gz"),
        *realdata_dir.glob("sub-mslessegP39/anat/*_FLAIR.nii.gz"),
        *realdata_extra_dir.glob("unlabelled/sub-ljlong04/ses-1/anat/*.gz"),
    ]
    assert len(paths) == 12
    for path in paths:
        volume = read_volume(str(path))
        data, inside = volume.data, inside_of(volume)
        turned = data.max() - data
        for inverted in (turned, np.where(inside, turned, data)):
            found = measure_scan(volume.with_data(inverted), CONFIG)
            assert found["inverted"] == 1, path.name
            assert CONTRAST in kinds(found, expected), path.name


def inside_of(volume):
    """The head's cells, on the volume's own grid."""
    inside = np.zeros(volume.shape, bool)
    planes = slice_geometry(volume, side=1).to_planes(inside)  # a view
    cells = find_coarse_head(volume).inside
    places = [
        np.minimum(np.arange(n) // (n // count), count - 1)
        for n, count in zip(planes.shape, cells.shape, strict=True)
    ]
    planes[...] = cells[np.ix_(*places)]
    assert inside.any()
    return inside


@pytest.mark.parametrize("thickness", [1, 6])
@pytest.mark.parametrize("name", CONTRASTS)
def test_other_contrasts_of_real_anatomy_are_caught(
    realdata_dir, realdata_extra_dir, expected, name, thickness
):
    subject = "sub-mslessegP3"
    tissue = [
        nib.load(realdata_extra_dir / f"tissue/{subject}_{kind}.nii.gz")
        for kind in ("csf", "gm", "wm")
    ]
    data = sum(
        np.asarray(image.dataobj, np.float32) * brightness
        for image, brightness in zip(tissue, CONTRASTS[name], strict=True)
    )
    data = scipy.ndimage.gaussian_filter(data, 0.7)
    data += np.random.default_rng(0).normal(0, 0.05, data.shape) * (data > 0.1)
    flair = read_volume(
        str(realdata_dir / f"{subject}/anat/{subject}_FLAIR.nii.gz")
    )
    whole = data.shape[2] // thickness * thickness
    data = data[:, :, :whole].reshape(*data.shape[:2], -1, thickness)
    volume = type(flair)(
        data.mean(axis=3, dtype=np.float32),
        flair.affine @ np.diag([1, 1, thickness, 1]),
    )
    assert CONTRAST in kinds(measure_scan(volume, CONFIG), expected)
