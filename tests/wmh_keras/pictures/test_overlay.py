import numpy as np
import pytest
from PIL import Image

from data_prep.volume import Volume
from wmh_keras.pictures.overlay import (
    PREDICTION_COLOUR,
    REFERENCE_COLOUR,
    choose_slices,
    draw_tiles,
)
from wmh_keras.pictures.overview import to_jpeg, write_overview


def block(affine=None, shape=(40, 30, 12)) -> Volume:
    """A bright box in the dark, its grey rising to the right and front."""
    data = np.zeros(shape, np.float32)
    x, y, _ = np.indices(shape)
    data[5:35, 5:25, 1:11] = (300 + 4 * x + 2 * y)[5:35, 5:25, 1:11]
    if affine is None:
        affine = np.diag([1.0, 1.0, 5.0, 1.0])
    return Volume(data, np.asarray(affine, float))


def empty(volume):
    return np.zeros(volume.shape, np.uint8)


def where(image, colour):
    return np.argwhere((np.asarray(image) == colour).all(axis=-1))


def test_right_is_left_and_anterior_is_up():
    flair = block()
    mask = empty(flair)
    mask[30:34, 20:24, 6] = 1  # right, anterior
    tiles = draw_tiles(flair, mask, count=1, width=200)
    assert [tile.number for tile in tiles] == [7]
    rows, columns = where(tiles[0].image, PREDICTION_COLOUR).T
    width, height = tiles[0].image.size
    assert columns.max() < width / 2
    assert rows.max() < height / 2


@pytest.mark.parametrize("flips", [(0,), (1,), (2,), (0, 1, 2)])
def test_storage_order_does_not_show(flips):
    flair = block()
    mask = empty(flair)
    mask[28:33, 18:22, 3:5] = 1
    expected = draw_tiles(flair, mask, count=3, width=120)
    affine = flair.affine.copy()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (flair.shape[axis] - 1)
        affine[:3, axis] *= -1
    stored = Volume(np.flip(flair.data, flips), affine)
    tiles = draw_tiles(stored, np.flip(mask, flips), count=3, width=120)
    for one, other in zip(tiles, expected, strict=True):
        assert one.number == other.number
        np.testing.assert_array_equal(
            np.asarray(one.image), np.asarray(other.image)
        )


def test_size_is_in_millimetres():
    flair = block(np.diag([1.0, 2.0, 5.0, 1.0]))
    (tile,) = draw_tiles(flair, empty(flair), count=1, width=300)
    # The box is 30 × 40 mm; 5 mm around it: 40 × (20 + 2 · 3) · 2 mm.
    assert tile.image.size == (300, round(300 * 52 / 40))


def test_specks_in_the_air_do_not_widen_the_picture_but_lesions_do():
    flair = block()
    (plain,) = draw_tiles(flair, empty(flair), count=1, width=300)
    flair.data[0, 0, :] = 400
    mask = empty(flair)
    (specks,) = draw_tiles(flair, mask, count=1, width=300)
    assert specks.image.size == plain.image.size
    mask[2, 28, 5] = 1
    (wider,) = draw_tiles(flair, mask, count=1, width=300)
    assert len(where(wider.image, PREDICTION_COLOUR))


def test_outline_encloses_exactly_the_lesion():
    flair = block()
    mask = empty(flair)
    mask[10:20, 10:20, 5] = 1
    (tile,) = draw_tiles(flair, mask, count=1, width=400)
    marked = where(tile.image, PREDICTION_COLOUR)
    # 40 columns are 400 pixels wide: a square of 100 pixels, its border.
    assert np.ptp(marked, axis=0).tolist() == [99, 99]
    assert len(marked) == 4 * 99


def test_reference_has_its_own_colour_below():
    flair = block()
    mask, reference = empty(flair), empty(flair)
    mask[10:15, 10:15, 5] = 1
    reference[10:15, 10:20, 5] = 1
    reference[25:30, 10:15, 5] = 2  # other pathology is not drawn
    (tile,) = draw_tiles(flair, mask, reference, count=1)
    assert len(where(tile.image, PREDICTION_COLOUR))
    columns = where(tile.image, REFERENCE_COLOUR)[:, 1]
    (without,) = draw_tiles(flair, mask, count=1)
    assert not len(where(without.image, REFERENCE_COLOUR))
    # Label 2 lies right, that is on the left half of the picture.
    assert columns.min() > tile.image.width / 2


def test_outlines_that_coincide_are_dashed_in_both_colours():
    flair = block()
    mask = empty(flair)
    mask[10:20, 10:20, 5] = 1
    (alone,) = draw_tiles(flair, mask, count=1, width=400)
    (both,) = draw_tiles(flair, mask, mask, count=1, width=400)
    orange = where(both.image, PREDICTION_COLOUR)
    blue = where(both.image, REFERENCE_COLOUR)
    border = where(alone.image, PREDICTION_COLOUR).tolist()
    assert sorted(np.concatenate([orange, blue]).tolist()) == sorted(border)
    assert len(orange) == pytest.approx(len(blue), rel=0.1)
    np.testing.assert_array_equal(
        np.asarray(both.plain), np.asarray(alone.plain)
    )


def test_slices_with_most_lesions_spread_out():
    head = np.ones((30, 4, 4), bool)
    lesions = np.zeros((30, 4, 4), bool)
    lesions[5, :2] = True
    lesions[[10, 20], 0] = True
    assert choose_slices(lesions, head, 3) == [5, 10, 20]
    lesions[8:24] = True
    chosen = choose_slices(lesions, head, 4)
    assert len(chosen) == 4
    assert max(np.diff(chosen)) <= 8
    assert set(chosen) <= set(range(5, 24))


def test_without_lesions_the_middle_of_the_head():
    head = np.zeros((30, 4, 4), bool)
    head[5:25] = True
    chosen = choose_slices(np.zeros_like(head), head, 4)
    assert len(chosen) == 4
    assert chosen[0] >= 7
    assert chosen[-1] <= 22


def test_few_slices():
    nothing = np.zeros((2, 4, 4), bool)
    assert choose_slices(nothing, nothing, 8) == [0, 1]


def test_other_shape():
    with pytest.raises(ValueError, match="shape"):
        draw_tiles(block(), np.zeros((2, 2, 2)))


def test_overview_and_jpeg(tmp_path):
    flair = block()
    tiles = draw_tiles(flair, empty(flair), count=5, width=120)
    path = tmp_path / "overview.png"
    write_overview(path, tiles, title="x" * 500, subtitle="<y>")
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width == 640
    jpeg = to_jpeg(tiles[0])
    assert jpeg[:2] == b"\xff\xd8"
    assert len(jpeg) < 10_000
    with pytest.raises(ValueError, match="tile"):
        write_overview(path, [], title="x")


def test_warnings_are_written_on_the_overview(tmp_path):
    flair = block()
    tiles = draw_tiles(flair, empty(flair), count=5, width=120)
    plain, warned = tmp_path / "plain.png", tmp_path / "warned.png"
    write_overview(plain, tiles, title="x")
    write_overview(warned, tiles, title="x", warnings=["cropped", "y " * 60])
    with Image.open(plain) as before, Image.open(warned) as after:
        added = after.height - before.height
        # One line for the first, two for the second, none cut off.
        assert added == 3 * 26
        band = np.asarray(after.crop((0, 60, after.width, 60 + added)))
        for line in np.split(band, 3):
            assert (line == (255, 176, 0)).all(axis=-1).any()
        np.testing.assert_array_equal(
            np.asarray(after)[60 + added :], np.asarray(before)[60:]
        )


def test_warnings_fill_the_width_that_is_there(tmp_path):
    text = "a word or two " * 11  # 154 characters
    heights = []
    for columns in (1, 4):
        tiles = draw_tiles(block(), empty(block()), count=4, width=300)
        for warnings in ((), (text,)):
            path = tmp_path / "one.png"
            write_overview(
                path, tiles, title="x", warnings=warnings, columns=columns
            )
            with Image.open(path) as image:
                heights.append(image.height)
    narrow, narrow_warned, wide, wide_warned = heights
    line = (narrow_warned - narrow) // 2
    assert wide_warned - wide == line
