"""The training loss, and the training metrics, of logits."""

import keras
from keras import ops

# Labels of a reference: 0 no lesion, 1 WMH, 2 other pathology.
_WMH, _OTHER_PATHOLOGY = 1.0, 2.0


class VoxelCrossEntropy(keras.losses.Loss):
    """Binary cross-entropy of logits, as a mean over the voxels that count.

    Over the whole batch: sum of w·(max(x, 0) − x·t + log(1 + exp(−|x|)))
    divided by the sum of w, with the logit x, t = 1 at label 1, and w = 0 at
    label 2 where that is ignored, else 1. A batch without a voxel that counts
    has loss 0.
    """

    def __init__(
        self,
        other_pathology: str = "ignore",
        name: str = "voxel_cross_entropy",
    ) -> None:
        """Makes the loss.

        Args:
          other_pathology: "ignore" leaves voxels of label 2 out, "background"
            takes them for no lesion.
          name: Name of the loss.
        """
        # The mean is taken here, since Keras's own would count all voxels.
        super().__init__(name=name, reduction=None)
        self.ignores_other = other_pathology == "ignore"

    def call(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Computes the loss.

        Args:
          y_true: (b, h, w, 1) labels 0, 1, 2.
          y_pred: (b, h, w, 1) logits.

        Returns:
          A scalar.
        """
        target = ops.cast(ops.equal(y_true, _WMH), y_pred.dtype)
        weight = _weights(y_true, y_pred.dtype, self.ignores_other)
        losses = ops.binary_crossentropy(target, y_pred, from_logits=True)
        return ops.sum(losses * weight) / ops.maximum(ops.sum(weight), 1.0)


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
        """Adds a batch: labels 0, 1, 2 and logits, both (b, h, w, 1)."""
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
        """Adds a batch: labels 0, 1, 2 and logits, both (b, h, w, 1)."""
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
    reference = ops.cast(ops.equal(y_true, _WMH), "float32")
    prediction = ops.cast(ops.greater_equal(y_pred, 0.0), "float32")
    return reference, prediction, _weights(y_true, "float32", True)


def _weights(
    y_true: keras.KerasTensor, dtype: str, ignores_other: bool
) -> keras.KerasTensor:
    if not ignores_other:
        return ops.ones_like(y_true, dtype=dtype)
    return ops.cast(ops.not_equal(y_true, _OTHER_PATHOLOGY), dtype)
