"""croissant.json: the data set described for machines.

Croissant is MLCommons' vocabulary for data sets, on top of schema.org
(Croissant Format Specification 1.0, http://mlcommons.org/croissant/1.0).
Record files are described as sets of files, since its readers do not know
TFRecord; the two lists can be read through it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.dataset.data_folder import CASES_FILE, SPLITS_FILE
from data_prep.files import read_csv, sha256_of
from tfds_wmh.sharing.layout import config_folder

_CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
# Terms that the context of the specification maps to its own vocabulary.
_TERMS = (
    "citeAs",
    "column",
    "equivalentProperty",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
)
_LISTS = {SPLITS_FILE: "splits", CASES_FILE: "cases"}


def make_croissant(folder: Path, share: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the description as JSON-LD.

    Args:
      folder: holds the lists.
      share: share.json.
    """
    lists = [_file_object(folder, name) for name in _LISTS]
    records = [_file_set(config) for config in share["configs"]]
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS_TO,
        "name": share["name"],
        "description": (
            "FLAIR MRI with masks of white matter hyperintensities (WMH), "
            "prepared for segmentation, as TensorFlow Datasets. Labels: 0 "
            "background, 1 WMH, 2 other pathology. Identity: "
            f"{share['identity']}"
        ),
        "license": share["licence"],
        "citeAs": share["citation"],
        "creator": {"@type": "Organization", "name": share["contact"]},
        "version": share["share_version"],
        "keywords": ["FLAIR", "MRI", "white matter hyperintensities"],
        "distribution": [*lists, *records],
        "recordSet": [
            _record_set(name, list(read_csv(folder / name)[0]))
            for name in _LISTS
        ],
    }


def _context() -> dict[str, Any]:
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "sc": "https://schema.org/",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        **{term: f"cr:{term}" for term in _TERMS},
    }


def _file_object(folder: Path, name: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": "text/csv",
        "sha256": sha256_of(folder / name),
    }


def _file_set(config: str) -> dict[str, Any]:
    place = config_folder(config)
    return {
        "@type": "cr:FileSet",
        "@id": config,
        "name": config,
        "description": (
            f'TFRecord; tfds.builder_from_directory("{place}") reads it. '
            "SHA256SUMS has the checksum of every file."
        ),
        "encodingFormat": "application/octet-stream",
        "includes": f"{place}/*.tfrecord-*",
    }


def _record_set(name: str, columns: Sequence[str]) -> dict[str, Any]:
    records = _LISTS[name]
    return {
        "@type": "cr:RecordSet",
        "@id": records,
        "name": records,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{records}/{column}",
                "name": column,
                "dataType": "sc:Text",
                "source": {
                    "fileObject": {"@id": name},
                    "extract": {"column": column},
                },
            }
            for column in columns
        ],
    }
