"""`data_prep.geometry` as TensorFlow operations, for a model that is served.

The twin of `SliceGeometry` on canonical planes, for shapes and spacings that
are known only when a volume comes; tested against it.
"""

import dataclasses

import tensorflow as tf

from data_prep.geometry import SPACING_TOLERANCE
from data_prep.preprocess_config import PreprocessConfig


@dataclasses.dataclass(frozen=True, eq=False)
class GraphGeometry:
    """Where prepared slices lie on a volume's planes.

    Attributes:
      plane: (h, w) int32 of a plane.
      square_pixels: (h, w) int32, after in-plane voxels were made square.
      pad_before: int32, rows and columns added before, up to a square.
      padded_side: int32, side of the padded square.
      config: how slices are prepared.
    """

    plane: tf.Tensor
    square_pixels: tf.Tensor
    pad_before: tf.Tensor
    padded_side: tf.Tensor
    config: PreprocessConfig

    def image_to_slices(
        self, planes: tf.Tensor, pad_value: tf.Tensor | float
    ) -> tf.Tensor:
        """Prepares an image, see `SliceGeometry.image_to_slices`.

        Args:
          planes: (n, h, w) float32.
          pad_value: fills the square.

        Returns:
          (n, side, side) float32.
        """
        side = self.config.side
        planes = resize_linear(planes, self.square_pixels)
        after = self.padded_side - self.square_pixels - self.pad_before
        margins = tf.stack([self.pad_before, after], axis=1)
        margins = tf.pad(margins, [[1, 0], [0, 0]])
        square = tf.pad(planes, margins, constant_values=pad_value)
        if self.config.oversize == "resize":
            slices = resize_antialiased(square, [side, side])
        else:
            # What is smaller is made larger, and what is larger is cut: one
            # of the two changes nothing.
            slices = resize_linear(square, [self._uncut_side] * 2)
            first = self._crop_before
            slices = slices[:, first : first + side, first : first + side]
        return tf.ensure_shape(slices, [None, side, side])

    def slices_to_planes(self, slices: tf.Tensor) -> tf.Tensor:
        """Takes probabilities back, see `SliceGeometry.slices_to_planes`.

        Args:
          slices: (n, side, side) float32.

        Returns:
          (n, h, w) float32; 0 where the centre crop had cut off.
        """
        if self.config.oversize == "crop":
            after = self._uncut_side - self.config.side - self._crop_before
            margin = [self._crop_before, after]
            slices = tf.pad(slices, [[0, 0], margin, margin])
        square = resize_linear(slices, [self.padded_side] * 2)
        first, end = self.pad_before, self.pad_before + self.square_pixels
        inner = square[:, first[0] : end[0], first[1] : end[1]]
        return resize_linear(inner, self.plane)

    @property
    def _uncut_side(self) -> tf.Tensor:
        return tf.maximum(self.padded_side, self.config.side)

    @property
    def _crop_before(self) -> tf.Tensor:
        return (self._uncut_side - self.config.side) // 2


def graph_geometry(
    plane: tf.Tensor, spacing_mm: tf.Tensor, config: PreprocessConfig
) -> GraphGeometry:
    """Works out the geometry for one volume, as `geometry.slice_geometry`.

    Args:
      plane: (h, w) int32, the shape of its planes.
      spacing_mm: (2,) of the same axes. Where float32 spacings and the file's
        own round to different numbers of square pixels, so do the results.
      config: how slices are prepared.
    """
    spacing = tf.cast(spacing_mm, tf.float64)
    finest = tf.reduce_min(spacing)
    # Rounds halves to even, as Python does.
    square = tf.round(tf.cast(plane, tf.float64) * spacing / finest)
    square = tf.maximum(tf.cast(square, tf.int32), 1)
    is_square = tf.reduce_max(spacing) <= finest * (1 + SPACING_TOLERANCE)
    square = tf.where(is_square, plane, square)
    padded_side = tf.reduce_max(square)
    return GraphGeometry(
        plane=plane,
        square_pixels=square,
        pad_before=(padded_side - square) // 2,
        padded_side=padded_side,
        config=config,
    )


def resize_linear(planes: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Resizes planes (n, h, w) bilinearly, see `plane_resizing`.

    `tf.image.resize` has the same convention, but works out where its samples
    lie in float32.
    """
    for axis in (2, 1):
        lower, upper, share = _linear_taps(
            tf.shape(planes)[axis], shape[axis - 1]
        )
        if axis == 1:
            share = share[:, tf.newaxis]
        values = tf.gather(planes, lower, axis=axis)
        planes = values + share * (tf.gather(planes, upper, axis=axis) - values)
    return planes


def resize_antialiased(planes: tf.Tensor, shape: list[int]) -> tf.Tensor:
    """Resizes planes (n, h, w), every pixel counted, see `plane_resizing`.

    To a larger shape it is the bilinear interpolation.
    """
    rows = _triangle_weights(tf.shape(planes)[1], shape[0])
    columns = _triangle_weights(tf.shape(planes)[2], shape[1])
    across = tf.einsum("nhw,vw->nhv", planes, columns)
    return tf.einsum("uh,nhv->nuv", rows, across)


def _centres(old: tf.Tensor, new: tf.Tensor | int) -> tf.Tensor:
    """Where the new pixels' centres lie; (new,) float64 in old pixels."""
    index = tf.cast(tf.range(new), tf.float64)
    old, new = tf.cast(old, tf.float64), tf.cast(new, tf.float64)
    return (index + 0.5) * old / new


def _linear_taps(
    old: tf.Tensor, new: tf.Tensor | int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns (new,) each: lower index, upper index, the upper one's share."""
    last = tf.cast(old - 1, tf.float64)
    centre = tf.clip_by_value(_centres(old, new) - 0.5, 0, last)
    lower = tf.minimum(tf.cast(centre, tf.int32), tf.maximum(old - 2, 0))
    share = tf.cast(centre - tf.cast(lower, tf.float64), tf.float32)
    return lower, tf.minimum(lower + 1, old - 1), share


def _triangle_weights(old: tf.Tensor, new: int) -> tf.Tensor:
    """Returns (new, old) float32; rows add up to 1."""
    factor = tf.maximum(tf.cast(old, tf.float64) / new, 1)
    middle = tf.cast(tf.range(old), tf.float64) + 0.5
    distance = tf.abs(middle - _centres(old, new)[:, tf.newaxis])
    weights = tf.maximum(1 - distance / factor, 0)
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
    return tf.cast(weights, tf.float32)
