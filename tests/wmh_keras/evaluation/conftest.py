"""Results made by hand, where what was evaluated does not matter."""

import dataclasses

import numpy as np
import pytest

from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.results import (
    ClassScores,
    Curves,
    LesionRow,
    PatientResult,
    PatientScores,
)
from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.metrics.curves import PR_RECALL, ROC_FPR
from wmh_keras.metrics.pixel import PixelCounts


def _fill(kind, value, given):
    """All floats `value`, all integers 0, but what is given."""
    values = {
        field.name: 0 if field.type is int else value
        for field in dataclasses.fields(kind)
    }
    return kind(**values | given)


def _make_lesion(mask, number, **given):
    row = LesionRow(
        mask=mask,
        id=number,
        centroid_mm=(-1 / 3, 0.0, 1e-17),
        volume_mm3=0.1 + 0.2,
        voxels=3,
        size=0.1 + 0.2,
        size_class="small",
        overlap=2 / 3,
        found=True,
        side="",
        touches=(1, 2),
    )
    return dataclasses.replace(row, **given)


def _make_result(
    subject,
    session="",
    *,
    site="",
    counts=(1, 1, 1, 1),
    classes=None,
    lesions=(),
    curve=None,
    **scores,
):
    """A result; `classes` maps a name to fields of ClassScores."""
    classes = classes or {}
    numbers = {
        f"{mask}_lesions": sum(lesion.mask == mask for lesion in lesions)
        for mask in ("reference", "predicted")
    }
    curves = None
    if curve is not None:
        curves = Curves(
            np.full(len(ROC_FPR), curve), np.full(len(PR_RECALL), curve)
        )
    return PatientResult(
        key=VolumeKey(subject, session, site=site),
        scores=_fill(PatientScores, 0.5, numbers | scores),
        counts=PixelCounts(*counts),
        classes={
            name: _fill(ClassScores, 0.5, classes.get(name, {}))
            for name in SIZE_CLASSES
        },
        lesions=tuple(lesions),
        curves=curves,
    )


@pytest.fixture
def make_result():
    return _make_result


@pytest.fixture
def make_lesion():
    return _make_lesion
