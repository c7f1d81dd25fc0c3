"""The training losses, and the training metrics, of logits.

All take labels and logits of slices (b, h, w, 1) or of 3-D patches
(b, d, h, w, 1) alike, and compute in float32.
"""

import keras
from keras import ops

from wmh_keras.metrics.labels import OTHER_PATHOLOGY, WMH

_SMOOTHING = 1.0
_ALPHA, _BETA, _GAMMA = 0.7, 0.3, 4 / 3
_SMALLEST_DISTANCE = 1e-7


class _BatchLoss(keras.losses.Loss):
    """A loss that is one number for a whole batch.

    Attributes:
      ignores_other: Whether voxels of label 2 have weight 0.
    """

    def __init__(self, other_pathology: str = "ignore") -> None:
        """Makes the loss.

        Args:
          other_pathology: "ignore" leaves voxels of label 2 out, "background"
            takes them for no lesion.
        """
        # The mean is taken in `call`, since Keras's own would count all voxels.
        super().__init__(reduction=None)
        self.ignores_other = other_pathology == "ignore"


class VoxelCrossEntropy(_BatchLoss):
    """Binary cross-entropy of logits, as a mean over the voxels that count.

    Over the whole batch: sum of w·(max(x, 0) − x·t + log(1 + exp(−|x|)))
    divided by the sum of w, with the logit x, t = 1 at label 1, and w = 0 at
    label 2 where that is ignored, else 1. A batch without a voxel that counts
    has loss 0.
    """

    def call(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Computes the loss.

        Args:
          y_true: (b, …, 1) labels 0, 1, 2.
          y_pred: (b, …, 1) logits.

        Returns:
          A scalar.
        """
        y_pred = ops.cast(y_pred, "float32")
        target = ops.cast(ops.equal(y_true, WMH), y_pred.dtype)
        weight = _weights(y_true, y_pred.dtype, self.ignores_other)
        losses = ops.binary_crossentropy(target, y_pred, from_logits=True)
        return ops.sum(losses * weight) / ops.maximum(ops.sum(weight), 1.0)


class SoftDice(_BatchLoss):
    """1 − soft Dice of the batch (Milletari et al. 2016).

    doi 10.1109/3DV.2016.79, with squares in the denominator as there:
    1 − (2 Σ w·p·t + 1) / (Σ w·p² + Σ w·t + 1), with the probability p, and t
    and w as in VoxelCrossEntropy. The sums go over the whole batch, since most
    slices have few lesion voxels or none, and a Dice of each would be noise.
    The 1, one voxel, makes a batch without lesions count: its loss is 0 where
    nothing is predicted, and nearly 1 where much is.
    """

    def call(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Computes the loss of labels 0, 1, 2 and logits: a scalar."""
        target, probability, weight = _soft(y_true, y_pred, self.ignores_other)
        both = ops.sum(weight * probability * target)
        either = ops.sum(weight * (probability**2 + target))
        return 1.0 - (2.0 * both + _SMOOTHING) / (either + _SMOOTHING)


class CrossEntropyAndDice(_BatchLoss):
    """VoxelCrossEntropy + SoftDice, weighted equally (Isensee et al. 2021).

    doi 10.1038/s41592-020-01008-z (nnU-Net). Defined where both are.
    """

    def __init__(self, other_pathology: str = "ignore") -> None:
        """Makes the loss of both parts."""
        super().__init__(other_pathology)
        self._parts = (
            VoxelCrossEntropy(other_pathology),
            SoftDice(other_pathology),
        )

    def call(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Computes the loss of labels 0, 1, 2 and logits: a scalar."""
        return sum(part.call(y_true, y_pred) for part in self._parts)


class FocalTversky(_BatchLoss):
    """Focal Tversky loss of the batch (Abraham and Khan 2019).

    doi 10.1109/ISBI.2019.8759329: (1 − T)^(1/γ), with the Tversky index
    T = (TP + 1) / (TP + α·FN + β·FP + 1) of the soft counts TP = Σ w·p·t,
    FN = Σ w·(1 − p)·t and FP = Σ w·p·(1 − t) over the batch, and the paper's
    α = 0.7, β = 0.3, γ = 4/3: what is missed costs more than what is too
    much. p, t, w and the batch without lesions are as in SoftDice.
    """

    def call(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Computes the loss of labels 0, 1, 2 and logits: a scalar."""
        target, probability, weight = _soft(y_true, y_pred, self.ignores_other)
        both = ops.sum(weight * probability * target)
        missed = ops.sum(weight * (1.0 - probability) * target)
        too_much = ops.sum(weight * probability * (1.0 - target))
        index = (both + _SMOOTHING) / (
            both + _ALPHA * missed + _BETA * too_much + _SMOOTHING
        )
        # At 0 the power has an infinite slope.
        distance = ops.maximum(1.0 - index, _SMALLEST_DISTANCE)
        return distance ** (1.0 / _GAMMA)


_LOSSES = {
    "cross_entropy": VoxelCrossEntropy,
    "dice": SoftDice,
    "cross_entropy_dice": CrossEntropyAndDice,
    "focal_tversky": FocalTversky,
}


def make_loss(name: str, other_pathology: str) -> keras.losses.Loss:
    """Returns the loss that the flags --loss and --other_pathology name."""
    return _LOSSES[name](other_pathology)


class PixelAccuracy(keras.metrics.Metric):
    """Share of the voxels that are right, label 2 left out; summed counts."""

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(name=name, dtype="float32")
        self.right = self.add_variable((), "zeros", name="right")
        self.counted = self.add_variable((), "zeros", name="counted")

    def update_state(
        self,
        y_true: keras.KerasTensor,
        y_pred: keras.KerasTensor,
        sample_weight: None = None,
    ) -> None:
        """Adds a batch: labels 0, 1, 2 and logits, both (b, …, 1)."""
        reference, prediction, weight = _binarise(y_true, y_pred)
        right = ops.cast(ops.equal(reference, prediction), "float32")
        self.right.assign_add(ops.sum(right * weight))
        self.counted.assign_add(ops.sum(weight))

    def result(self) -> keras.KerasTensor:
        """Returns the share; 0 before the first voxel."""
        return self.right / ops.maximum(self.counted, 1.0)


class PixelDice(keras.metrics.Metric):
    """Dice of the pooled counts of an epoch, label 2 left out."""

    def __init__(self, name: str = "dice") -> None:
        super().__init__(name=name, dtype="float32")
        self.both = self.add_variable((), "zeros", name="both")
        self.either = self.add_variable((), "zeros", name="either")

    def update_state(
        self,
        y_true: keras.KerasTensor,
        y_pred: keras.KerasTensor,
        sample_weight: None = None,
    ) -> None:
        """Adds a batch: labels 0, 1, 2 and logits, both (b, …, 1)."""
        reference, prediction, weight = _binarise(y_true, y_pred)
        self.both.assign_add(ops.sum(reference * prediction * weight))
        self.either.assign_add(ops.sum((reference + prediction) * weight))

    def result(self) -> keras.KerasTensor:
        """Returns 2 TP / (2 TP + FP + FN); 1 where all of them are 0."""
        dice = 2.0 * self.both / ops.maximum(self.either, 1.0)
        return ops.where(self.either > 0, dice, 1.0)


def _binarise(
    y_true: keras.KerasTensor, y_pred: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Returns reference, prediction at probability 0.5, weight: float32."""
    reference = ops.cast(ops.equal(y_true, WMH), "float32")
    prediction = ops.cast(ops.greater_equal(y_pred, 0.0), "float32")
    return reference, prediction, _weights(y_true, "float32", True)


def _soft(
    y_true: keras.KerasTensor, y_pred: keras.KerasTensor, ignores_other: bool
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Returns reference, probability, weight: float32."""
    reference = ops.cast(ops.equal(y_true, WMH), "float32")
    probability = ops.sigmoid(ops.cast(y_pred, "float32"))
    return reference, probability, _weights(y_true, "float32", ignores_other)


def _weights(
    y_true: keras.KerasTensor, dtype: str, ignores_other: bool
) -> keras.KerasTensor:
    if not ignores_other:
        return ops.ones_like(y_true, dtype=dtype)
    return ops.cast(ops.not_equal(y_true, OTHER_PATHOLOGY), dtype)
