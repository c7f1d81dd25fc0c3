"""Layers of the same names and weights as Keras's, faster on TensorFlow.

Keras writes its batch normalisation in single operations, for every backend
alike, and in half precision computes all of them in float32; TensorFlow has one
operation that reads and writes the features once each way. Its bilinear
upsampling guards a cast that cannot overflow. On a CPU both cost as much as a
good part of the convolutions.

What is computed stays the same, to rounding errors. The layers have the class
names of Keras's, which name the weights in a file: a model built of them and
one built of Keras's own read each other's weights.
"""

import keras
import tensorflow as tf


class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over the last axis; fused while training.

    Outside of training it is Keras's own. It takes the arguments that our
    networks use, rather than ignore what would change the result.
    """

    def __init__(self, *, momentum: float, dtype: str, name: str) -> None:
        super().__init__(momentum=momentum, dtype=dtype, name=name)

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = None,
        mask: None = None,
    ) -> tf.Tensor:
        """Normalises (b, …, c) features by the statistics of the batch.

        Mean and variance are computed in float32 also of bfloat16 features.
        """
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        shape = tf.shape(inputs)
        # The operation takes rank 4; what a row is means nothing to it.
        rows = tf.reshape(inputs, (shape[0], -1, shape[-2], shape[-1]))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=rows,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=tf.constant([], tf.float32),
            variance=tf.constant([], tf.float32),
            epsilon=self.epsilon,
            is_training=True,
        )
        # It gives the variance with Bessel's correction, Keras's has none.
        count = tf.cast(tf.size(rows) // shape[-1], tf.float32)
        variance *= tf.maximum(count - 1.0, 1.0) / count
        for moving, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(
                moving * self.momentum + value * (1.0 - self.momentum)
            )
        return tf.reshape(outputs, shape)


class UpSampling2D(keras.layers.UpSampling2D):
    """Bilinear upsampling of (b, h, w, c) features."""

    def __init__(self, *, interpolation: str, dtype: str, name: str) -> None:
        if interpolation != "bilinear":
            raise ValueError(
                f"interpolation: expected bilinear, received {interpolation!r}"
            )
        super().__init__(interpolation=interpolation, dtype=dtype, name=name)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Enlarges height and width by `size`; the type stays."""
        height, width = (
            tf.shape(inputs)[axis] * self.size[axis - 1] for axis in (1, 2)
        )
        larger = tf.raw_ops.ResizeBilinear(
            images=inputs, size=(height, width), half_pixel_centers=True
        )
        # Means of what was there: no number can become too large.
        return tf.cast(larger, inputs.dtype)


class _Layers:
    """The layers of Keras, but for those of this module."""

    BatchNormalization = BatchNormalization
    UpSampling2D = UpSampling2D

    def __getattr__(self, name: str) -> type[keras.layers.Layer]:
        return getattr(keras.layers, name)


class TensorflowApi:
    """A `LayerApi` with the layers of this module."""

    layers = _Layers()
    Input = staticmethod(keras.Input)
    Model = keras.Model


def tensorflow_api() -> TensorflowApi | None:
    """Returns the layers for `build_model`; None where Keras's own are taken.

    That is where TensorFlow has a GPU, on which these were never tried.
    """
    return None if tf.config.list_physical_devices("GPU") else TensorflowApi()
