"""The way from a volume's grid to square slices, and exactly back.

The steps, in the paper's order: canonical orientation (RAS+), in-plane voxels
made square where they are not, padding to a square, then either resizing up
to the wanted side or cutting out the centre (or, by choice, resizing down).
`SliceGeometry` keeps the numbers of one volume; the object that takes a volume
to slices takes the slices back.
"""

import dataclasses
from typing import Any

import numpy as np

from data_prep.nibabel_runtime import nib
from data_prep.plane_resizing import (
    resize_antialiased,
    resize_linear,
    resize_nearest,
)
from data_prep.preprocess_config import OVERSIZES
from data_prep.volume import Volume

# In-plane spacings that differ by less are rounding in the header.
SPACING_TOLERANCE = 0.01
_CANONICAL = nib.orientations.axcodes2ornt("RAS")


@dataclasses.dataclass(frozen=True)
class SliceGeometry:
    """Where the prepared slices of one volume lie on its native grid.

    Heights come before widths. A slice array is (h, w) = (y, x), both rising
    to anterior and right; the slice index rises to superior.

    Attributes:
      native_shape: voxels along the file's axes.
      affine: 4 rows of 4, voxel indices to world millimetres.
      orientation: where the file's axes point, such as "LAS".
      spacing_mm: (x, y, z) of the canonical axes.
      num_slices: axial slices.
      plane: (h, w) of a canonical slice.
      square_pixels: (h, w) after in-plane voxels were made square.
      pad_before: rows and columns added before, up to a square.
      padded_side: side of the padded square.
      side: side of the prepared slice.
      oversize: what is done where the padded square is larger than that:
        "crop" or "resize".
    """

    native_shape: tuple[int, int, int]
    affine: tuple[tuple[float, ...], ...]
    orientation: str
    spacing_mm: tuple[float, float, float]
    num_slices: int
    plane: tuple[int, int]
    square_pixels: tuple[int, int]
    pad_before: tuple[int, int]
    padded_side: int
    side: int
    oversize: str = OVERSIZES[0]

    @property
    def is_cropped(self) -> bool:
        """Whether the rim of the padded square is cut off."""
        return self.padded_side > self.side and self.oversize == "crop"

    @property
    def is_shrunk(self) -> bool:
        """Whether the padded square is resized to a smaller one."""
        return self.padded_side > self.side and self.oversize == "resize"

    @property
    def crop_before(self) -> int:
        """Rows, and columns, cut off before the prepared slice."""
        return (self.padded_side - self.side) // 2 if self.is_cropped else 0

    @property
    def scale(self) -> float:
        """Prepared pixels for each padded pixel; 1 where it was cropped."""
        return 1.0 if self.is_cropped else self.side / self.padded_side

    @property
    def is_resampled(self) -> bool:
        """Whether values are interpolated (else only moved)."""
        return self.scale != 1 or self.square_pixels != self.plane

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON types.

        `oversize` came later than the first data sets, and is left out where
        it has its default: their records stay the same to the last byte.
        """
        fields = dataclasses.asdict(self)
        if self.oversize == OVERSIZES[0]:
            del fields["oversize"]
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "SliceGeometry":
        """Makes the geometry from what `to_json` gave."""
        fields = {key: _to_tuples(value) for key, value in fields.items()}
        return cls(**fields)

    def to_planes(self, data: np.ndarray) -> np.ndarray:
        """Brings native data (x, y, z) to axial planes (z, h, w)."""
        ornt = nib.orientations.io_orientation(np.array(self.affine))
        canonical = nib.orientations.apply_orientation(data, ornt)
        return canonical.transpose(2, 1, 0)

    def from_planes(self, planes: np.ndarray) -> np.ndarray:
        """Brings axial planes (z, h, w) back to native data (x, y, z)."""
        ornt = nib.orientations.io_orientation(np.array(self.affine))
        back = nib.orientations.ornt_transform(_CANONICAL, ornt)
        return nib.orientations.apply_orientation(
            planes.transpose(2, 1, 0), back
        )

    def image_to_slices(
        self, planes: np.ndarray, pad_value: float
    ) -> np.ndarray:
        """Prepares an image, with linear interpolation.

        Where it becomes smaller, `resize_antialiased` leaves no voxel out.

        Args:
          planes: (z, h, w) float32.
          pad_value: fills the square.

        Returns:
          (z, side, side) float32.
        """
        planes = resize_linear(planes, self.square_pixels)
        planes = self._pad(planes, pad_value)
        if self.is_cropped:
            return self._crop(planes)
        if self.is_shrunk:
            return resize_antialiased(planes, (self.side, self.side))
        return resize_linear(planes, (self.side, self.side))

    def mask_to_slices(self, planes: np.ndarray) -> np.ndarray:
        """Prepares a mask, (z, h, w) to (z, side, side), by nearest voxel."""
        planes = resize_nearest(planes, self.square_pixels)
        planes = self._pad(planes, 0)
        if self.is_cropped:
            return self._crop(planes)
        return resize_nearest(planes, (self.side, self.side))

    def slices_to_planes(self, slices: np.ndarray) -> np.ndarray:
        """Takes prepared slices back, with linear interpolation.

        Args:
          slices: (z, side, side) float32, probabilities.

        Returns:
          (z, h, w) float32 in the canonical planes; 0 where the centre crop
          had cut off.
        """
        if self.is_cropped:
            after = self.padded_side - self.side - self.crop_before
            margin = (self.crop_before, after)
            square = np.pad(slices, ((0, 0), margin, margin))
        else:
            square = resize_linear(slices, (self.padded_side,) * 2)
        top, left = self.pad_before
        height, width = self.square_pixels
        inner = square[:, top : top + height, left : left + width]
        return resize_linear(inner, self.plane)

    def cropped_away(self, planes: np.ndarray) -> int:
        """Counts the true voxels that the centre crop leaves out.

        Args:
          planes: (z, h, w) bool or labels, in canonical planes.

        Returns:
          The number of non-zero native voxels whose centre lies outside the
          prepared slices; 0 where nothing is cropped.
        """
        rows, columns = (
            self._kept(*axis)
            for axis in zip(
                self.plane, self.square_pixels, self.pad_before, strict=True
            )
        )
        inside = np.count_nonzero(planes[:, rows][:, :, columns])
        return int(np.count_nonzero(planes) - inside)

    def _kept(self, native: int, square: int, before: int) -> np.ndarray:
        """Tells which native rows (or columns) have their centre inside."""
        centre = (np.arange(native) + 0.5) * square / native + before
        end = self.crop_before + self.side
        return (centre >= self.crop_before) & (
            (centre < end) | (not self.is_cropped)
        )

    def _pad(self, planes: np.ndarray, value: float) -> np.ndarray:
        before = np.array(self.pad_before)
        after = self.padded_side - np.array(self.square_pixels) - before
        margins = [(0, 0), *zip(before, after, strict=True)]
        return np.pad(planes, margins, constant_values=value)

    def _crop(self, square: np.ndarray) -> np.ndarray:
        inside = slice(self.crop_before, self.crop_before + self.side)
        return square[:, inside, inside]


def slice_geometry(
    volume: Volume, side: int, oversize: str = OVERSIZES[0]
) -> SliceGeometry:
    """Works out the geometry for one volume.

    Args:
      volume: shape and affine count, the values do not.
      side: height and width of the prepared slices.
      oversize: "crop" or "resize", what is done with larger ones.

    Returns:
      The geometry.
    """
    ornt = nib.orientations.io_orientation(volume.affine)
    axis_of = np.argsort(ornt[:, 0])  # canonical axis -> file axis
    width, height, depth = (volume.shape[axis] for axis in axis_of)
    spacing = tuple(volume.spacing_mm[axis] for axis in axis_of)
    square = _square_pixels((height, width), (spacing[1], spacing[0]))
    padded_side = max(square)
    return SliceGeometry(
        native_shape=tuple(int(n) for n in volume.shape),
        affine=tuple(map(tuple, volume.affine_mm.tolist())),
        orientation=volume.orientation,
        spacing_mm=spacing,
        num_slices=depth,
        plane=(height, width),
        square_pixels=square,
        pad_before=tuple((padded_side - n) // 2 for n in square),
        padded_side=padded_side,
        side=side,
        oversize=oversize,
    )


def _square_pixels(
    plane: tuple[int, int], spacing: tuple[float, float]
) -> tuple[int, int]:
    finest = min(spacing)
    if max(spacing) <= finest * (1 + SPACING_TOLERANCE):
        return plane
    height, width = (
        max(round(n * mm / finest), 1)
        for n, mm in zip(plane, spacing, strict=True)
    )
    return height, width


def _to_tuples(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list | tuple):
        return tuple(_to_tuples(item) for item in value)
    return value
