import numpy as np
import pytest
from PIL import Image

from data_prep.volume import Volume
from wmh_keras.pictures.comparison import write_comparison
from wmh_keras.pictures.overlay import PREDICTION_COLOUR, REFERENCE_COLOUR

TOP, GAP, WIDTH, BOTTOM = 60, 4, 300, 30


def flair(affine=(1.0, 1.0, 6.0, 1.0), shape=(40, 30, 12)) -> Volume:
    data = np.zeros(shape, np.float32)
    x, y, _ = np.indices(shape)
    data[5:-5, 5:-5, 1:-1] = (300 + 4 * x + 2 * y)[5:-5, 5:-5, 1:-1]
    return Volume(data, np.diag(affine))


def masks(volume):
    return tuple(np.zeros(volume.shape, np.uint8) for _ in range(2))


def draw(path, volume, reference, prediction, title="Patient 7"):
    write_comparison(
        path, volume, reference, prediction, title=title, subtitle="Dice 0.5"
    )
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def where(pixels, colour):
    """Rows and columns of a colour, without the legend at the bottom."""
    return np.argwhere((pixels[:-BOTTOM] == colour).all(axis=-1))


def test_outlines_are_below_the_plain_image_only(tmp_path):
    volume = flair()
    reference, prediction = masks(volume)
    reference[10:20, 10:20, 5] = 1
    prediction[12:22, 10:20, 5] = 1
    pixels = draw(tmp_path / "p.png", volume, reference, prediction)
    height = (pixels.shape[0] - TOP - GAP - BOTTOM) // 2
    assert pixels.shape[1] == 4 * WIDTH + 3 * GAP
    for colour in (REFERENCE_COLOUR, PREDICTION_COLOUR):
        rows = where(pixels, colour)[:, 0]
        assert len(rows)
        assert rows.min() >= TOP + height + GAP
    upper = pixels[TOP : TOP + height]
    assert np.ptp(upper, axis=-1).max() == 0, "grey"
    assert upper.max() > 200


def test_each_mask_has_its_colour_and_its_side(tmp_path):
    volume = flair()
    reference, prediction = masks(volume)
    reference[8:12, 10:15, 5] = 1  # left: on the right of its tile
    prediction[28:32, 10:15, 5] = 1
    reference[20:22, 10:15, 5] = 2  # other pathology is not drawn
    pixels = draw(tmp_path / "p.png", volume, reference, prediction)
    blue = where(pixels, REFERENCE_COLOUR)[:, 1] % (WIDTH + GAP)
    orange = where(pixels, PREDICTION_COLOUR)[:, 1] % (WIDTH + GAP)
    assert blue.min() > WIDTH / 2 > orange.max()
    # 4 of the 40 columns of a tile that is 300 pixels wide.
    assert np.ptp(blue) == np.ptp(orange) == 29


def test_slices_of_both_masks_are_shown(tmp_path):
    volume = flair()
    reference, prediction = masks(volume)
    reference[10:20, 10:20, 2] = 1
    prediction[10:20, 10:20, 9] = 1
    pixels = draw(tmp_path / "p.png", volume, reference, prediction)
    blue = where(pixels, REFERENCE_COLOUR)[:, 1].max() // (WIDTH + GAP)
    orange = where(pixels, PREDICTION_COLOUR)[:, 1].min() // (WIDTH + GAP)
    assert blue < orange


def test_both_masks_empty(tmp_path):
    volume = flair()
    pixels = draw(tmp_path / "p.png", volume, *masks(volume))
    assert not len(where(pixels, REFERENCE_COLOUR))
    assert not len(where(pixels, PREDICTION_COLOUR))
    assert (pixels[-BOTTOM:] == REFERENCE_COLOUR).all(axis=-1).any(), "legend"


@pytest.mark.parametrize("spacing", [(1.0, 2.0, 6.0), (0.5, 1.0, 9.0)])
def test_shape_is_in_millimetres(tmp_path, spacing):
    volume = flair((*spacing, 1.0))
    pixels = draw(tmp_path / "p.png", volume, *masks(volume))
    x, y, _ = spacing
    # The head is 30 × 20 voxels, with 5 mm around it in whole voxels.
    wide = (30 + 2 * np.ceil(5 / x)) * x
    high = (20 + 2 * np.ceil(5 / y)) * y
    height = round(WIDTH * min(high, 30 * y) / min(wide, 40 * x))
    assert pixels.shape[0] == TOP + 2 * height + GAP + BOTTOM


def test_a_single_slice_and_a_long_title(tmp_path):
    volume = flair(shape=(40, 30, 1))
    volume.data[5:-5, 5:-5] = 300
    pixels = draw(tmp_path / "p.png", volume, *masks(volume), title="x" * 900)
    assert pixels.shape[1] == 640


def test_same_input_same_bytes(tmp_path):
    volume = flair()
    for name in ("a.png", "b.png"):
        draw(tmp_path / name, volume, *masks(volume))
    first, second = (tmp_path / n for n in ("a.png", "b.png"))
    assert first.read_bytes() == second.read_bytes()


def test_another_shape(tmp_path):
    volume = flair()
    reference, prediction = masks(volume)
    with pytest.raises(ValueError, match="shape"):
        draw(tmp_path / "p.png", volume, reference[1:], prediction)
    assert not list(tmp_path.iterdir())


def test_real_volumes_give_small_files(tmp_path, realdata_dir):
    from data_prep.nifti import read_volume

    path = sorted(realdata_dir.glob("sub-*/anat/*FLAIR.nii.gz"))[-1]
    volume = read_volume(path)
    draw(tmp_path / "p.png", volume, *masks(volume))
    assert (tmp_path / "p.png").stat().st_size < 400_000
