"""From a case's files to serialised records, in a thread or on any machine."""

import dataclasses
import functools

import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer

from data_prep.cases.case import Case
from data_prep.compression import to_zlib
from data_prep.dataset.data_card import VolumeSummary, summarize_volume
from data_prep.dataset.data_folder import VOLUMES
from data_prep.dataset.plan import read_case
from data_prep.errors import VolumeError
from data_prep.preprocess import PreprocessConfig, volume_to_slices
from tfds_wmh.features import (
    COMPRESSED,
    Example,
    make_features,
    slice_examples,
    volume_example,
)
from tfds_wmh.record_writing import ReproducibleSerializer

# Key and serialised example.
Record = tuple[str, bytes]


@dataclasses.dataclass(frozen=True)
class CaseRecords:
    """What one case gives.

    Attributes:
      records: one a slice, or one for the volume.
      summary: of the volume; None in the config `volumes`.
    """

    records: list[Record]
    summary: VolumeSummary | None


@dataclasses.dataclass(frozen=True)
class RecordMaker:
    """Makes the records of a case; the same bytes wherever it is done.

    Attributes:
      config: "slices" or "volumes".
      preprocess: how slices are made.
      mask_value: see `read_mask`.
    """

    config: str
    preprocess: PreprocessConfig
    mask_value: float | None = None

    def make(self, case: Case) -> CaseRecords:
        """Reads and prepares a case.

        Raises:
          VolumeError: a file cannot be read, or its slices not be prepared.
        """
        channels = self.preprocess.channels
        images, mask = read_case(case, channels, self.mask_value)
        if self.config == VOLUMES:
            example = volume_example(case, images, mask, self.preprocess)
            return CaseRecords([(case.volume_id, self._record(example))], None)
        try:
            prepared = volume_to_slices(images, self.preprocess, mask)
        except VolumeError as error:
            raise VolumeError(
                f"{case.volume_id}: {error}; leave it out by exclude_reason"
            ) from error
        records = [
            (key, self._record(example))
            for key, example in slice_examples(case, prepared)
        ]
        return CaseRecords(records, summarize_volume(mask, prepared))

    def _record(self, example: Example) -> bytes:
        features, serializer = _writing(self.config, self.preprocess)
        encoded = features.encode_example(example)
        for name in COMPRESSED[self.config]:
            encoded[name] = _compress(encoded[name])
        return serializer.serialize_example(encoded)


def _compress(encoded: bytes | dict[str, object]) -> bytes | dict[str, object]:
    """Compresses what TFDS encoded as bytes, in zlib's format.

    TFDS would do so itself with the module zlib, several times slower; it reads
    either.
    """
    if isinstance(encoded, dict):  # with its shape
        return {**encoded, "value": to_zlib(encoded["value"])}
    return to_zlib(encoded)


@functools.lru_cache(maxsize=8)
def _writing(
    config: str, preprocess: PreprocessConfig
) -> tuple[tfds.features.FeaturesDict, example_serializer.Serializer]:
    """Returns the features as they are encoded, and what serialises them."""
    features = make_features(config, preprocess)
    raw = {
        name: tfds.features.Tensor(
            shape=features[name].shape,
            dtype=features[name].np_dtype,
            encoding="bytes",
        )
        for name in COMPRESSED[config]
    }
    return (
        tfds.features.FeaturesDict({**features, **raw}),
        ReproducibleSerializer(features.get_serialized_info()),
    )
