"""Heads with gyri, made by hand, in the contrast of any sequence."""

import dataclasses

import numpy as np
import pytest

from data_prep.volume import Volume


@dataclasses.dataclass(frozen=True)
class Sequence:
    """Brightness of tissues; the air has 0."""

    fluid: float
    grey: float
    white: float
    scalp: float = 150.0


FLAIR = Sequence(fluid=25, grey=115, white=100)
SEQUENCES = {
    "T1": Sequence(fluid=25, grey=70, white=100),
    "T2": Sequence(fluid=250, grey=125, white=95),
    "PD": Sequence(fluid=105, grey=112, white=98),
    "ADC": Sequence(fluid=300, grey=85, white=75, scalp=10),
    "CT": Sequence(fluid=1005, grey=1037, white=1030, scalp=1900),
}


@pytest.fixture(scope="session")
def make_gyral_head():
    return _make_gyral_head


def _make_gyral_head(
    sequence=FLAIR,
    *,
    shape=(96, 112, 26),
    spacing_mm=(2.0, 2.0, 6.0),
    with_skull=True,
    with_lesions=True,
    noise=3.0,
    seed=0,
):
    """A head of 150 × 190 × 140 mm in RAS, its middle at the origin."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(
        *(
            (np.arange(n) - (n - 1) / 2) * mm
            for n, mm in zip(shape, spacing_mm, strict=True)
        ),
        indexing="ij",
    )

    def radius(a, b, c, at=(0, 0, 0)):
        return np.sqrt(
            ((x - at[0]) / a) ** 2
            + ((y - at[1]) / b) ** 2
            + ((z - at[2]) / c) ** 2
        )

    data = np.zeros(shape)
    if with_skull:
        data[radius(75, 95, 70) < 1] = sequence.scalp
        data[radius(69, 89, 65) < 1] = 0.05 * sequence.scalp
    brain = radius(63, 83, 60)
    data[brain < 1] = sequence.white
    # Sulci run inwards every 22 mm, with a ribbon of cortex on both sides.
    to_sulcus = np.abs((np.arctan2(y, x) * 70) % 22 - 11)
    rim = (brain < 1) & (brain > 0.5)
    data[rim & ((to_sulcus < 5.5) | (brain > 0.94))] = sequence.grey
    for side in (-1, 1):  # the nuclei within
        data[radius(9, 22, 16, (26 * side, 0, -2)) < 1] = sequence.grey
    data[rim & (to_sulcus < 1.5)] = sequence.fluid
    for side in (-1, 1):
        data[radius(8, 30, 14, (12 * side, 0, 5)) < 1] = sequence.fluid
        if with_lesions and sequence == FLAIR:
            data[radius(8, 9, 12, (18 * side, 26, 5)) < 1] = 170
    data *= 1 + 0.1 * x / 75 - 0.1 * y / 95
    grain = rng.normal(0, noise * sequence.white / 100, (2, *shape))
    data = np.hypot(data + grain[0], grain[1])
    if not with_skull:
        data[brain >= 1] = 0
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * spacing_mm
    return Volume(data.astype(np.float32), affine)


@pytest.fixture(scope="session")
def sequences():
    return SEQUENCES
