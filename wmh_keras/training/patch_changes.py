"""What happens to 2-D patches of the store as they are read.

Slices become thick ones, lesions are painted into them, heads are drawn around
stripped brains: all that has to know the volume, and not just the patch. Draws
are functions of the seed and of the patch's number.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from wmh_keras.training.lesion_painting import paint_lesions
from wmh_keras.training.mask_painting import cut_lesions, paint_masks
from wmh_keras.training.patch_preparation import StoredPlace
from wmh_keras.training.patch_store import PatchStore
from wmh_keras.training.synthetic_head import add_head
from wmh_keras.training.thick_slices import ThickSlices, thicken

# Apart from each other, and from 0 and 1, which place the patches.
_THICKNESS, _HEAD, _PAINTING = 2, 3, 4
# Of the painted patches of volumes that lie on the grid of lesion masks.
_BY_MASKS = 0.6
_NONE_THICK = ThickSlices()


@dataclasses.dataclass(frozen=True)
class PatchChanges:
    """How 2-D patches differ from what is stored; 3-D ones never do.

    Attributes:
      thick_slices: Which patches are cut from several slices at once.
      synthetic_head: Share of the patches of skull-stripped volumes that get
        an artificial head.
      painted_lesions: Share of the patches that lesions are painted into,
        many of them as the store's lesion masks say.
    """

    thick_slices: ThickSlices = _NONE_THICK
    synthetic_head: float = 0.0
    painted_lesions: float = 0.0

    def read(
        self,
        store: PatchStore,
        volume: int,
        start: Sequence[int],
        shape: Sequence[int],
        key: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads a patch.

        Args:
          store: The volumes.
          volume: Its place in the store.
          start: (z, y, x) of the first voxel; may lie outside the volume.
          shape: (d, h, w), d being 1 for 2-D patches.
          key: The seed, and the number of the patch.

        Returns:
          Image (d, h, w, c) float and mask (d, h, w) uint8.
        """
        if shape[0] > 1:
            return store.read(volume, start, shape)
        seed, number = key
        stored = store.places[volume]
        draw = np.random.default_rng((seed, _THICKNESS, number))
        count = self.thick_slices.draw(stored.slice_spacing_mm, draw)
        count = min(count, stored.num_slices)
        z, *rest = start
        if count > 1:
            # Within the volume, and the slice that was drawn anywhere in it.
            z = z - int(draw.integers(count))
            z = min(max(z, 0), stored.num_slices - count)
        image, mask = store.read(volume, (z, *rest), (count, *shape[1:]))
        image, mask = self._paint(image, mask, store, volume, (z, *rest), key)
        if count > 1:
            image, mask = thicken(image, mask, self.thick_slices.label_share)
        return self._add_head(image, mask, stored, store.side, key), mask

    def _paint(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        store: PatchStore,
        volume: int,
        start: Sequence[int],
        key: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Paints lesions into some of the patches."""
        seed, number = key
        draw = np.random.default_rng((seed, _PAINTING, number))
        if draw.random() >= self.painted_lesions:
            return image, mask
        stored = store.places[volume]
        spacing_mm = stored.slice_spacing_mm, stored.pixel_mm
        if stored.is_on_mask_grid and draw.random() < _BY_MASKS:
            masks = store.lesion_masks
            lesions = cut_lesions(masks, start, mask.shape, spacing_mm, draw)
            if lesions is not None:
                return paint_masks(
                    image, mask, stored.levels, lesions, stored.pixel_mm, draw
                )
        return paint_lesions(
            image, mask, stored.levels, start[0], spacing_mm, draw
        )

    def _add_head(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        stored: StoredPlace,
        side: int,
        key: tuple[int, int],
    ) -> np.ndarray:
        """Draws a head around some of the brains that have none."""
        if not stored.is_stripped:
            return image
        seed, number = key
        draw = np.random.default_rng((seed, _HEAD, number))
        if draw.random() >= self.synthetic_head:
            return image
        air = np.array(stored.fill)
        return add_head(image[0], mask[0], air, side, draw)[None]


AS_STORED = PatchChanges()
