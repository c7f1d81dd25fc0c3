"""What a served model can be asked: its signatures, as TensorFlow functions.

    serving_default   prepared slices (or patches) -> probability
    segment_volume    a raw volume -> probability and mask on its own grid

Every input has a leading batch dimension, so that a server may join requests.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from data_prep.preprocess_config import PreprocessConfig
from data_prep.volume import MIN_SPACING_MM
from wmh_keras.inference.flips import mirror_passes
from wmh_keras.serving import graph_intensity
from wmh_keras.serving.description import (
    PATCHES,
    SEGMENT_VOLUME,
    SERVING_DEFAULT,
    SLICES,
    volume_input,
)
from wmh_keras.serving.export_request import SLICE_RANK
from wmh_keras.serving.graph_geometry import GraphGeometry, graph_geometry

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class GraphSettings:
    """What is decided when a graph is written.

    Attributes:
      preprocess: how volumes become slices.
      flips: test-time flips, one of `flips.FLIPS`.
      batch_size: slices that go through the network together.
    """

    preprocess: PreprocessConfig
    flips: str = "none"
    batch_size: int = 8


class ServedModel:
    """Networks with the functions that a server offers.

    Attributes:
      takes_slices: whether the networks take slices; else they take patches.
    """

    def __init__(
        self, models: Sequence["keras.Model"], settings: GraphSettings
    ) -> None:
        """Takes the networks, whose probabilities are averaged.

        Args:
          models: on Keras's backend tensorflow, of slices (b, h, w, c) or,
            all of them, of patches (b, d, h, w, c); they give logits.
          settings: what else the graph does.
        """
        self._settings = settings
        self._models = tuple(models)
        self._input_shape = tuple(models[0].input_shape)
        self.takes_slices = len(self._input_shape[1:]) == SLICE_RANK

    def to_save(self) -> tf.Module:
        """Returns what to save: the weights, and nothing else of Keras."""
        module = tf.Module(name="wmh")
        module.weights = [v.value for m in self._models for v in m.variables]
        return module

    def signatures(self) -> dict[str, Callable]:
        """Returns the functions to save, by name.

        A network of patches has no segment_volume.
        """
        config = self._settings.preprocess
        side, channels = config.side, len(config.channels)
        if not self.takes_slices:
            patches = tf.TensorSpec(self._input_shape, tf.float32, PATCHES)
            return {SERVING_DEFAULT: _function(self._on_patches, patches)}
        slices = tf.TensorSpec((None, side, side, channels), tf.float32, SLICES)
        return {
            SERVING_DEFAULT: _function(self._on_slices, slices),
            SEGMENT_VOLUME: _function(
                self._on_volumes,
                tf.TensorSpec((None, 2), tf.float32, "spacing_mm"),
                tf.TensorSpec((None,), tf.float32, "threshold"),
                *(
                    tf.TensorSpec((None,) * 4, tf.float32, volume_input(role))
                    for role in config.channels
                ),
            ),
        }

    def _on_patches(self, patches: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probability": self._probability(patches)}

    def _on_slices(self, slices: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probability": self._probability(slices)}

    def _on_volumes(
        self, spacing_mm: tf.Tensor, threshold: tf.Tensor, *volumes: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        inputs = (spacing_mm, threshold, *volumes)
        counts = tf.stack([tf.shape(each)[0] for each in inputs])
        checks = [
            _check(
                tf.reduce_all(counts == counts[0]),
                "expected as many volumes as spacings and thresholds",
            ),
            _check(
                tf.reduce_all(
                    (spacing_mm > MIN_SPACING_MM)
                    & tf.math.is_finite(spacing_mm)
                ),
                f"spacing_mm: expected (y, x) above {MIN_SPACING_MM:g} mm",
            ),
            _check(
                tf.reduce_all((threshold > 0) & (threshold <= 1)),
                "threshold: expected above 0 and at most 1",
            ),
            *(
                _check(
                    tf.reduce_all(tf.shape(volume) == tf.shape(volumes[0])),
                    "volumes: expected all images on one grid",
                )
                for volume in volumes[1:]
            ),
        ]
        with tf.control_dependencies(checks):
            spacing_mm = tf.identity(spacing_mm)
        # One at a time: their spacings may differ, and each is large.
        probability = tf.map_fn(
            lambda each: self._on_volume(each[0], each[1:]),
            (spacing_mm, *volumes),
            fn_output_signature=tf.TensorSpec((None,) * 3, tf.float32),
            parallel_iterations=1,
        )
        limit = tf.reshape(threshold, [-1, 1, 1, 1])
        mask = tf.cast(probability >= limit, tf.uint8)
        return {"probability": probability, "mask": mask}

    def _on_volume(
        self, spacing_mm: tf.Tensor, volumes: Sequence[tf.Tensor]
    ) -> tf.Tensor:
        """The probability (z, h, w) on the grid of the volumes (z, h, w)."""
        config = self._settings.preprocess
        geometry = graph_geometry(tf.shape(volumes[0])[1:], spacing_mm, config)
        planes = [
            graph_intensity.normalize(volume, config.normalization)
            for volume in volumes
        ]
        pad_values = [
            graph_intensity.background_value(channel)
            if config.padding == "background"
            else tf.constant(0.0)
            for channel in planes
        ]
        return self._slice_by_slice(geometry, planes, pad_values)

    def _slice_by_slice(
        self,
        geometry: GraphGeometry,
        planes: Sequence[tf.Tensor],
        pad_values: Sequence[tf.Tensor],
    ) -> tf.Tensor:
        """Some slices at a time, so that memory does not grow with more."""
        count, step = tf.shape(planes[0])[0], self._settings.batch_size

        def predict(first: tf.Tensor, done: tf.TensorArray) -> tuple:
            slices = tf.stack(
                [
                    geometry.image_to_slices(
                        channel[first : first + step], value
                    )
                    for channel, value in zip(planes, pad_values, strict=True)
                ],
                axis=-1,
            )
            probability = self._probability(slices)[..., 0]
            back = geometry.slices_to_planes(probability)
            # Interpolation may leave the range by a rounding error.
            back = tf.clip_by_value(back, 0, 1)
            return first + step, done.write(first // step, back)

        _, done = tf.while_loop(
            lambda first, done: first < count,
            predict,
            (
                tf.constant(0),
                tf.TensorArray(
                    tf.float32,
                    size=(count + step - 1) // step,
                    infer_shape=False,
                    element_shape=(None, None, None),
                ),
            ),
            parallel_iterations=1,
        )
        return done.concat()

    def _probability(self, images: tf.Tensor) -> tf.Tensor:
        """The mean over networks and mirror images, (b, …, 1)."""
        passes = mirror_passes(self._settings.flips)
        maps = [
            tf.reverse(
                _sigmoid(network(tf.reverse(images, axes), training=False)),
                axes,
            )
            if axes
            else _sigmoid(network(images, training=False))
            for network in self._models
            for axes in passes
        ]
        probability = tf.add_n(maps) / len(maps)
        sound = _check(
            tf.reduce_all(tf.math.is_finite(probability)),
            "the network gave probabilities that are no number",
        )
        with tf.control_dependencies([sound]):
            return tf.identity(probability)


def _function(body: Callable, *inputs: tf.TensorSpec) -> Callable:
    # No XLA: a server refuses it as a rule, and on a CPU it is slower.
    function = tf.function(body, jit_compile=False, autograph=False)
    return function.get_concrete_function(*inputs)


def _sigmoid(logits: tf.Tensor) -> tf.Tensor:
    return tf.sigmoid(tf.cast(logits, tf.float32))


def _check(condition: tf.Tensor, message: str) -> tf.Operation:
    return tf.debugging.Assert(condition, [message])
