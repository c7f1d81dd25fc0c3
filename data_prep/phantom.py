"""Synthetic FLAIR heads with known lesions, for the demo, tests, benchmarks.

A phantom is a head of ellipsoids (scalp, skull, grey and white matter, lateral
ventricles) with the grey values of FLAIR, lesions as caps at the ventricles'
ends and as spots in the deep white matter, partial volume across thick
slices, a smooth bias field and Rician noise. It looks enough like a head to
exercise every step; it says nothing about how well a model does on patients.
"""

import dataclasses
from pathlib import Path

import numpy as np

from data_prep import phantom_head
from data_prep.files import write_json, write_text
from data_prep.nibabel_runtime import nib
from data_prep.nifti_writing import write_image, write_mask
from data_prep.phantom_head import is_inside
from data_prep.volume import Volume


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
    image, lesion = _scan(config, phantom_head.FLAIR, rng)
    mask = _average_subplanes(lesion.astype(np.float32)) >= 0.5
    return (
        _oriented(image, config),
        _oriented(mask.astype(np.uint8), config),
    )


def make_t1(config: PhantomConfig) -> Volume:
    """Makes the T1-weighted image of the head that `make_phantom` makes.

    Lesions are darker than white matter there; noise and bias field are its
    own.

    Returns:
      float32 grey values above or equal 0, on the grid of the other.
    """
    rng = np.random.default_rng(config.seed)
    noise_rng = np.random.default_rng([config.seed, 1])
    image, _ = _scan(config, phantom_head.T1, rng, noise_rng)
    return _oriented(image, config)


def write_cohort(
    folder: Path, num_subjects: int, seed: int = 0, *, with_t1: bool = False
) -> list[str]:
    """Writes a BIDS data set of phantoms with manual-like masks.

    Two sites differ in grid, orientation and noise, as real ones do.

    Args:
      folder: where to; `sub-*/anat/*_FLAIR.nii.gz`, `participants.tsv`, and
        the masks in `derivatives/manual`.
      num_subjects: how many heads.
      seed: the same seed gives the same cohort.
      with_t1: whether each FLAIR gets a T1 on its grid, `*_T1w.nii.gz`.

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
        t1 = make_t1(config) if with_t1 else None
        write_phantom(folder, subject, image, mask, t1)
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
    folder: Path,
    subject: str,
    image: Volume,
    mask: Volume | None,
    t1: Volume | None = None,
) -> Path:
    """Writes one head, with its mask and T1, into a BIDS data set.

    Returns:
      The FLAIR's path.
    """
    anat = Path(f"sub-{subject}") / "anat"
    flair = folder / anat / f"sub-{subject}_FLAIR.nii.gz"
    write_image(flair, image.data, image)
    if t1 is not None:
        path = flair.with_name(f"sub-{subject}_T1w.nii.gz")
        write_image(path, t1.data, t1)
    if mask is not None:
        name = f"sub-{subject}_label-WMH_mask.nii.gz"
        write_mask(
            folder / "derivatives" / "manual" / anat / name, mask.data, mask
        )
    return flair


def _scan(
    config: PhantomConfig,
    contrast: phantom_head.Contrast,
    rng: np.random.Generator,
    noise_rng: np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the image, and where the lesions are on the finer planes.

    `rng` makes the head, and noise and bias field too unless they have one.
    """
    size = rng.uniform(0.94, 1.04)
    grid = phantom_head.subplane_grid(config.shape, config.spacing_mm)
    head = phantom_head.paint_head(grid, size, contrast)
    lesion = np.zeros(grid[0].shape, bool)
    white = is_inside(grid, (0, 0, 0), np.array(phantom_head.WHITE_MM) * size)
    for centre, radii in phantom_head.place_lesions(
        config.num_spots, config.with_caps, size, rng
    ):
        lesion |= is_inside(grid, centre, radii, rng)
    lesion &= white & (head > contrast.csf)
    head[lesion] = contrast.lesion * rng.uniform(0.9, 1.1)
    noise_rng = noise_rng or rng
    image = _average_subplanes(head)
    image *= _bias_field(image.shape, noise_rng)
    noise = noise_rng.normal(0, config.noise_std, (2, *image.shape))
    return np.hypot(image + noise[0], noise[1]).astype(np.float32), lesion


def _average_subplanes(data: np.ndarray) -> np.ndarray:
    x, y, planes = data.shape
    grouped = data.reshape(x, y, planes // phantom_head.PLANES_PER_SLICE, -1)
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
