"""The labels of masks: what is allowed, and how label 2 is left out."""

import numpy as np

BACKGROUND = 0
WMH = 1
OTHER_PATHOLOGY = 2


def check_labels(mask: np.ndarray, allowed: int, name: str) -> None:
    """Checks that a mask holds only the integers 0 to `allowed`.

    A probability map or a mask stored as 0/255 must never be taken for
    labels in silence.

    Args:
        mask: any shape, bool, integer or floating type.
        allowed: the largest label, 1 or 2; the smallest is 0.
        name: what the mask is, for the message.

    Raises:
        ValueError: another value, NaN, or a type that is not a number.
    """
    if mask.dtype == np.bool_ or mask.size == 0:
        return
    expected = f"{name}: expected the labels 0 to {allowed}, received "
    if not np.issubdtype(mask.dtype, np.integer):
        if not np.issubdtype(mask.dtype, np.floating):
            raise ValueError(f"{expected}the type {mask.dtype}")
        if np.isnan(mask).any():
            raise ValueError(f"{expected}NaN")
        if not np.array_equal(mask, np.rint(mask)):
            raise ValueError(
                f"{expected}fractions: are these probabilities? "
                "Threshold them first"
            )
    low, high = mask.min(), mask.max()
    if low < 0 or high > allowed:
        raise ValueError(
            f"{expected}values from {low} to {high}: "
            "map the values of the mask to labels first"
        )


def check_pair(reference: np.ndarray, prediction: np.ndarray) -> None:
    """Checks that a reference (0/1/2) and a prediction (0/1) fit together.

    Args:
        reference: any shape, labels 0/1/2.
        prediction: the same shape, labels 0/1.

    Raises:
        ValueError: unequal shapes, or labels that are not allowed.
    """
    check_same_shape(reference, prediction, "prediction")
    check_labels(reference, OTHER_PATHOLOGY, "reference")
    check_labels(prediction, WMH, "prediction")


def check_same_shape(
    reference: np.ndarray, other: np.ndarray, name: str
) -> None:
    """Checks that an array has the reference's shape; ValueError if not."""
    if reference.shape != other.shape:
        raise ValueError(
            f"{name}: expected the reference's shape {reference.shape}, "
            f"received {other.shape}"
        )


def leave_out_label_2(
    reference: np.ndarray, prediction: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Removes the voxels of label 2 from a reference and a prediction.

    What is predicted on other pathology counts neither for nor against: it
    is set to background before anything is labelled. A predicted lesion
    that reaches across label 2 keeps the part outside, which is then judged
    as a lesion (or as several) of its own, as in the official script of the
    WMH Segmentation Challenge 2017.

    Args:
        reference: (x, y, z), labels 0/1/2.
        prediction: (x, y, z), labels 0/1.

    Returns:
        The voxels of label 1, and the predicted voxels that are not on
        label 2: two boolean arrays of the same shape.

    Raises:
        ValueError: unequal shapes, or labels that are not allowed.
    """
    check_pair(reference, prediction)
    predicted = prediction.astype(np.bool_)
    if reference.dtype == np.bool_:
        return reference, predicted
    predicted &= reference != OTHER_PATHOLOGY
    return reference == WMH, predicted
