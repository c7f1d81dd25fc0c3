"""Synthetic FLAIR heads with known lesions, for the demo, tests, benchmarks.

A phantom is a head of ellipsoids (scalp, skull, grey and white matter, lateral
ventricles) with the grey values of FLAIR, lesions as caps at the ventricles'
ends and as spots in the deep white matter, partial volume across thick
slices, a smooth bias field and Rician noise. It looks enough like a head to
exercise every step; it says nothing about how well a model does on patients.
"""

import dataclasses
from pathlib import Path

import nibabel as nib
import numpy as np

from data_prep.files import write_json, write_text
from data_prep.nifti_writing import write_image, write_mask
from data_prep.volume import Volume

# Semi-axes in mm: right, anterior, superior.
_SCALP_MM = (76.0, 94.0, 80.0)
_SKULL_MM = (70.0, 88.0, 74.0)
_BRAIN_MM = (65.0, 82.0, 68.0)
_WHITE_MM = (54.0, 70.0, 56.0)
_VENTRICLE_MM = (7.0, 27.0, 14.0)
_VENTRICLE_OFFSET_MM = 11.0
_GREY_VALUES = {"scalp": 170.0, "skull": 20.0, "grey": 115.0, "white": 92.0}
_CSF, _LESION = 28.0, 185.0
# Planes computed within a thick slice, then averaged: partial volume.
_PLANES_PER_SLICE = 4


@dataclasses.dataclass(frozen=True)
class PhantomConfig:
    """What a phantom looks like.

    Attributes:
      shape: voxels (right, anterior, superior).
      spacing_mm: of the same axes.
      orientation: of the stored array, such as "RAS" or "LPS".
      num_spots: lesions in the deep white matter; caps come on top.
      with_caps: whether the ventricles' ends have lesions.
      noise_std: of the noise, in grey values (white matter has 92).
      seed: the same seed gives the same head.
    """

    shape: tuple[int, int, int] = (80, 96, 16)
    spacing_mm: tuple[float, float, float] = (2.1, 2.1, 8.0)
    orientation: str = "RAS"
    num_spots: int = 8
    with_caps: bool = True
    noise_std: float = 4.0
    seed: int = 0


def make_phantom(config: PhantomConfig) -> tuple[Volume, Volume]:
    """Makes a head and its mask.

    Args:
      config: what it looks like.

    Returns:
      (image, mask): float32 grey values above or equal 0, and uint8 0/1, on
      one grid. A voxel is a lesion where at least half of it is.
    """
    rng = np.random.default_rng(config.seed)
    size = rng.uniform(0.94, 1.04)
    grid = _subplane_grid(config)
    head = _paint_head(grid, size)
    lesion = np.zeros(grid[0].shape, bool)
    white = _inside(grid, (0, 0, 0), np.array(_WHITE_MM) * size)
    for centre, radii in _lesions(config, size, rng):
        lesion |= _inside(grid, centre, radii, rng)
    lesion &= white & (head > _CSF)
    head[lesion] = _LESION * rng.uniform(0.9, 1.1)
    image = _average_subplanes(head)
    mask = _average_subplanes(lesion.astype(np.float32)) >= 0.5
    image *= _bias_field(image.shape, rng)
    noise = rng.normal(0, config.noise_std, (2, *image.shape))
    image = np.hypot(image + noise[0], noise[1]).astype(np.float32)
    return (
        _oriented(image, config),
        _oriented(mask.astype(np.uint8), config),
    )


def write_cohort(folder: Path, num_subjects: int, seed: int = 0) -> list[str]:
    """Writes a BIDS data set of phantoms with manual-like masks.

    Two sites differ in grid, orientation and noise, as real ones do.

    Args:
      folder: where to; `sub-*/anat/*_FLAIR.nii.gz`, `participants.tsv`, and
        the masks in `derivatives/manual`.
      num_subjects: how many heads.
      seed: the same seed gives the same cohort.

    Returns:
      The subject ids, without "sub-".
    """
    sites = [site_config(name) for name in ("north", "south")]
    subjects = [f"{index + 1:03d}" for index in range(num_subjects)]
    rows = []
    for index, subject in enumerate(subjects):
        name, config = sites[index % len(sites)]
        rng = np.random.default_rng([seed, index])
        config = dataclasses.replace(
            config,
            num_spots=int(rng.integers(4, 12)),
            seed=int(rng.integers(2**31)),
        )
        image, mask = make_phantom(config)
        write_phantom(folder, subject, image, mask)
        rows.append(f"sub-{subject}\t{name}")
    table = "\n".join(["participant_id\tsite", *rows]) + "\n"
    write_text(folder / "participants.tsv", table)
    _write_description(folder, "Synthetic FLAIR heads", None)
    _write_description(
        folder / "derivatives" / "manual", "Their true lesions", "manual"
    )
    return subjects


def site_config(name: str) -> tuple[str, PhantomConfig]:
    """Returns one of two made-up sites: "north" or "south"."""
    if name == "north":
        return name, PhantomConfig()
    return name, PhantomConfig(
        shape=(74, 90, 14),
        spacing_mm=(2.3, 2.3, 9.0),
        orientation="LPS",
        noise_std=6.0,
    )


def write_phantom(
    folder: Path, subject: str, image: Volume, mask: Volume | None
) -> Path:
    """Writes one head, and its mask, into a BIDS data set.

    Returns:
      The FLAIR's path.
    """
    anat = Path(f"sub-{subject}") / "anat"
    flair = folder / anat / f"sub-{subject}_FLAIR.nii.gz"
    write_image(flair, image.data, image)
    if mask is not None:
        name = f"sub-{subject}_label-WMH_mask.nii.gz"
        write_mask(
            folder / "derivatives" / "manual" / anat / name, mask.data, mask
        )
    return flair


def _subplane_grid(
    config: PhantomConfig,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns x, y, z in mm from the head's centre, (x, y, z · planes)."""
    axes = []
    factors = (1, 1, _PLANES_PER_SLICE)
    for n, mm, factor in zip(
        config.shape, config.spacing_mm, factors, strict=True
    ):
        n, mm = n * factor, mm / factor
        axes.append((np.arange(n) - (n - 1) / 2) * mm)
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    return tuple(a.astype(np.float32) for a in np.broadcast_arrays(x, y, z))


def _inside(
    grid: tuple[np.ndarray, ...],
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Tells which points lie in an ellipsoid, wavy where `rng` is given."""
    x, y, z = (
        (axis - c) / r for axis, c, r in zip(grid, centre, radii, strict=True)
    )
    distance = np.sqrt(x * x + y * y + z * z)
    if rng is None:
        return distance < 1
    wave = sum(
        np.sin(k * axis * 2 + phase) * 0.08
        for axis, k, phase in zip(
            (x, y, z), (1, 1.5, 1), rng.uniform(0, 6.3, 3), strict=True
        )
    )
    return distance < 1 + wave


def _paint_head(grid: tuple[np.ndarray, ...], size: float) -> np.ndarray:
    head = np.zeros(grid[0].shape, np.float32)
    layers = (_SCALP_MM, _SKULL_MM, _BRAIN_MM, _WHITE_MM)
    for radii, value in zip(layers, _GREY_VALUES.values(), strict=True):
        head[_inside(grid, (0, 0, 0), np.array(radii) * size)] = value
    for sign in (-1, 1):
        centre = (sign * _VENTRICLE_OFFSET_MM * size, -4 * size, 6 * size)
        head[_inside(grid, centre, np.array(_VENTRICLE_MM) * size)] = _CSF
    return head


def _lesions(
    config: PhantomConfig, size: float, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns centres and radii in mm: caps first, then spots."""
    lesions = []
    if config.with_caps:
        for x in (-1, 1):
            for y in (-1, 1):
                centre = np.array([x * 13, y * 29 - 4, 6]) * size
                radii = np.array([6, 7, 10]) * rng.uniform(0.8, 1.5)
                lesions.append((centre, radii))
    for _ in range(config.num_spots):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        centre = direction * np.array(_WHITE_MM) * rng.uniform(0.5, 0.8) * size
        radii = rng.uniform(3.5, 8, 3)
        lesions.append((centre, np.maximum(radii, [0, 0, 6])))
    return lesions


def _average_subplanes(data: np.ndarray) -> np.ndarray:
    x, y, planes = data.shape
    grouped = data.reshape(x, y, planes // _PLANES_PER_SLICE, -1)
    return grouped.mean(axis=-1, dtype=np.float32)


def _bias_field(
    shape: tuple[int, int, int], rng: np.random.Generator
) -> np.ndarray:
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    a, b, c, d = rng.uniform(-0.08, 0.08, 4)
    return 1 + a * x + b * y + c * z + d * (x * x - y * y)


def _oriented(data: np.ndarray, config: PhantomConfig) -> Volume:
    """Stores RAS data in the wanted orientation, the head at the origin."""
    affine = np.diag([*config.spacing_mm, 1.0])
    affine[:3, 3] = -(np.array(data.shape) - 1) / 2 * config.spacing_mm
    ornt = nib.orientations.axcodes2ornt(config.orientation)
    stored = nib.orientations.apply_orientation(data, _from_ras(ornt))
    transform = nib.orientations.inv_ornt_aff(_from_ras(ornt), data.shape)
    return Volume(np.ascontiguousarray(stored), affine @ transform)


def _from_ras(ornt: np.ndarray) -> np.ndarray:
    """Returns the orientation change from RAS to `ornt`."""
    ras = nib.orientations.axcodes2ornt("RAS")
    return nib.orientations.ornt_transform(ras, ornt)


def _write_description(folder: Path, name: str, pipeline: str | None) -> None:
    description = {
        "Name": name,
        "BIDSVersion": "1.9.0",
        "DatasetType": "derivative" if pipeline else "raw",
    }
    if pipeline:
        description["GeneratedBy"] = [{"Name": pipeline}]
    write_json(folder / "dataset_description.json", description)
