"""Synthetic scans of realistic sizes, stored as scanners store them."""

from pathlib import Path

import nibabel as nib
import numpy as np

from data_prep.phantom import PhantomConfig, make_phantom

# Name to shape and spacing in mm: thick slices as in clinics, and 1 mm.
KINDS = {
    "256x256x20": ((256, 256, 20), (0.9, 0.9, 7.0)),
    "512x512x30": ((512, 512, 30), (0.45, 0.45, 5.0)),
    "182x218x182": ((182, 218, 182), (1.0, 1.0, 1.0)),
    "128x128x20": ((128, 128, 20), (1.8, 1.8, 7.0)),
}
*BENCHMARKED, MANY = KINDS


def write_scans(
    folder: Path,
    kind: tuple[tuple[int, int, int], tuple[float, float, float]],
    number: int,
) -> None:
    """Writes scans of one size: one head, and noise of each its own.

    Args:
      folder: gets `s0000/FLAIR.nii.gz`, `s0000/mask.nii.gz`, and so on.
      kind: shape and spacing.
      number: of scans.
    """
    shape, spacing_mm = kind
    image, mask = make_phantom(
        PhantomConfig(shape=shape, spacing_mm=spacing_mm, num_spots=30)
    )
    random = np.random.default_rng(0)
    is_head = image.data > 40
    for index in range(number):
        noise = random.normal(0, 4, shape) * is_head
        data = np.rint(np.where(is_head, image.data, 0) + noise)
        own = folder / f"s{index:04d}"
        own.mkdir(parents=True)
        for name, array in (
            ("FLAIR", data.clip(0).astype(np.int16)),
            ("mask", mask.data),
        ):
            nib.save(
                nib.Nifti1Image(array, image.affine), own / f"{name}.nii.gz"
            )
