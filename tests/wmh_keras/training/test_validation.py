import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest

from data_prep.preprocess import PreprocessConfig
from data_prep.volume import Volume
from wmh_keras.inference.segmenter import Segmenter
from wmh_keras.metrics import pixel
from wmh_keras.training import validation
from wmh_keras.training.validation import VolumeValidation, cross_entropy


@dataclasses.dataclass(frozen=True)
class Record:
    volume_id: str
    subject_id: str
    num_slices: int


class Stored:
    """Stands for prepared data: hands out volumes, counts the readings."""

    def __init__(self, volumes):
        self.preprocess_config = PreprocessConfig(side=32)
        self.volumes = volumes
        self.readings = 0

    def count_slices(self, records):
        return sum(record.num_slices for record in records)

    def read_volumes(self, records):
        self.readings += 1
        for record in records:
            image, mask = self.volumes[record.volume_id]
            yield SimpleNamespace(record=record, images=(image,), mask=mask)


@pytest.fixture(scope="module")
def segmenter(bright_model):
    return Segmenter([bright_model], PreprocessConfig(side=32))


@pytest.fixture
def stored(make_head):
    """Subject a has two volumes, b has one; the network finds bright spots."""

    def entry(found, in_reference, other=()):
        image = make_head(blobs=found)
        reference = np.zeros(image.shape, np.uint8)
        for x, y, z in in_reference:
            reference[x - 1 : x + 2, y - 1 : y + 2, z] = 1
        for x, y, z in other:
            reference[x - 1 : x + 2, y - 1 : y + 2, z] = 2
        return image, Volume(data=reference, affine=image.affine)

    p, q, r = (20, 14, 5), (12, 14, 5), (16, 8, 4)
    return Stored(
        {
            "a1": entry([p], [p]),
            "a2": entry([p], [q]),
            "b": entry([p, r], [p], other=[r]),
        }
    )


RECORDS = [Record("a1", "a", 10), Record("a2", "a", 10), Record("b", "b", 10)]


def test_dice_is_what_the_segmenter_gives_averaged_over_subjects(
    stored, segmenter
):
    scores = VolumeValidation(stored, RECORDS, segmenter).run()
    dice = {}
    for name, (image, mask) in stored.volumes.items():
        found = segmenter.segment([image]).mask
        dice[name] = pixel.dice(pixel.count_pixels(mask.data, found))
    # By hand: a1 is right, a2 looks elsewhere; in b the second spot is other
    # pathology and does not count. Rows of a subject come first.
    assert dice == {"a1": 1, "a2": 0, "b": 1}
    assert scores.dice == 0.75


def test_an_empty_reference_with_nothing_found_counts_as_1(
    make_head, segmenter
):
    image = make_head(blobs=())
    empty = Volume(data=np.zeros(image.shape, np.uint8), affine=image.affine)
    data = Stored({"a1": (image, empty)})
    assert VolumeValidation(data, RECORDS[:1], segmenter).run().dice == 1


def test_loss_and_accuracy_are_pooled_over_the_prepared_voxels(
    stored, segmenter
):
    scores = VolumeValidation(stored, RECORDS[:2], segmenter).run()
    # a2: nine voxels found in vain and nine missed, of 2 · 10 · 32 · 32.
    assert scores.accuracy == pytest.approx(1 - 18 / (2 * 10 * 32 * 32))
    assert scores.loss > 0
    right = VolumeValidation(stored, RECORDS[:1], segmenter).run()
    assert right.accuracy == 1
    assert right.loss < scores.loss


def test_volumes_are_read_once_where_they_fit_into_memory(
    stored, segmenter, monkeypatch
):
    cached = VolumeValidation(stored, RECORDS, segmenter)
    scores = [cached.run(), cached.run(), cached.run()]
    assert stored.readings == 1
    monkeypatch.setattr(validation, "CACHE_BYTES", 0)
    streamed = VolumeValidation(stored, RECORDS, segmenter)
    scores += [streamed.run(), streamed.run()]
    assert stored.readings == 3
    assert len(set(scores)) == 1


def test_cross_entropy_by_hand():
    reference = np.array([0, 1, 1, 2], np.uint8)
    probability = np.array([0.25, 0.5, 0.0, 0.9], np.float32)
    total, count = cross_entropy(reference, probability)
    assert count == 3
    expected = -math.log(0.75) - math.log(0.5) - math.log(1e-7)
    assert total == pytest.approx(expected, rel=1e-6)


def test_cross_entropy_of_other_pathology_alone_is_0():
    reference = np.full(3, 2, np.uint8)
    assert cross_entropy(reference, np.zeros(3, np.float32)) == (0, 0)
