"""Lists the MR series in a folder of DICOM files and finds the FLAIR."""

import collections
import dataclasses
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from data_prep.cases.listing import bullet_list, walk_files
from data_prep.errors import UserError

_DICOM_SUFFIXES = (".dcm", ".ima")
_TAGS = (
    "Modality",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "ProtocolName",
    "NumberOfFrames",
    "EchoTime",
    "InversionTime",
    "SharedFunctionalGroupsSequence",
)
_FLAIR = re.compile(
    r"flair|dark[ _-]*fluid|fluid[ _-]*att|(?<![a-z])tirm(?![a-z])"
)
_T1 = re.compile(r"(?<![a-z0-9])t1(?![0-9])")
# Fluid is nulled at 1.7 to 2.8 s in practice; STIR has about 0.2 s, T1 FLAIR
# about 0.8 s.
_INVERSION_TIMES_MS = (1500.0, 3500.0)
_MIN_ECHO_TIME_MS = 60.0
_MIN_SLICES = 3


@dataclasses.dataclass(frozen=True)
class DicomSeries:
    """One series; nothing in it says who the patient is.

    Attributes:
      files: its files, in path order.
      study: the study's UID, to tell visits apart; never written anywhere.
      number: the series' number, "" where it has none.
      description: series description, or the protocol's name.
      num_slices: files, or frames of a multi-frame file.
      inversion_time_ms: None where it is not given.
      echo_time_ms: None where it is not given.
    """

    files: tuple[Path, ...]
    study: str
    number: str
    description: str
    num_slices: int
    inversion_time_ms: float | None
    echo_time_ms: float | None

    def __str__(self) -> str:
        """A line for the list that an error message shows."""
        time = self.inversion_time_ms
        shown = "" if time is None else f", inversion time {time:.0f} ms"
        return (
            f"series {self.number or '(no number)'}: "
            f"{self.description or '(no description)'!r}, "
            f"{self.num_slices} slices{shown}"
        )


def has_dicom_files(path: Path) -> bool:
    """Tells whether any file below a folder is DICOM (opens no library)."""
    return any(_looks_like_dicom(file) for file in walk_files(path))


def is_one_study(path: Path) -> bool:
    """Tells whether all MR files below a folder are of one study.

    Stops at the first file of a second study. False where there is none.
    """
    studies = set()
    for file in walk_files(path):
        header = _read_header(file)
        if header is not None and header.get("Modality") == "MR":
            studies.add(str(header.get("StudyInstanceUID", "")))
        if len(studies) > 1:
            return False
    return len(studies) == 1


def list_series(files: Iterable[Path]) -> list[DicomSeries]:
    """Reads the headers of DICOM files and groups them into MR series.

    Other files, and series of other modalities, are passed over.

    Returns:
      The series by study, number and UID.

    Raises:
      UserError: pydicom is not installed.
    """
    headers = collections.defaultdict(list)
    for file in files:
        header = _read_header(file)
        if header is not None and header.get("Modality") == "MR":
            key = (
                str(header.get("StudyInstanceUID", "")),
                str(header.get("SeriesInstanceUID", "")),
            )
            headers[key].append((file, header))
    series = [
        (_series_of(study, found), uid)
        for (study, uid), found in headers.items()
    ]
    series.sort(key=lambda item: (item[0].study, _order(item[0]), item[1]))
    return [item for item, _ in series]


def choose_flair(
    series: Sequence[DicomSeries], wanted: str | None, where: str
) -> DicomSeries:
    """Picks the FLAIR series.

    By description ("FLAIR", "dark fluid", "TIRM", …; not "T1 FLAIR", and not
    with an inversion time outside of 1.5 to 3.5 s); if none is so described,
    by an inversion time of 1.5 to 3.5 s with an echo time of at least 60 ms.
    Series of fewer than three slices are scouts.

    Args:
      series: the series of one scan session.
      wanted: number, description, or a part of it that only one series has;
        None goes by the rule above.
      where: folder, for the message.

    Raises:
      UserError: none, or several that fit; lists the series.
    """
    if wanted is not None:
        found = _named(series, wanted)
        rule = f"for --series={wanted}"
    else:
        volumes = [item for item in series if item.num_slices >= _MIN_SLICES]
        found = [item for item in volumes if _is_described_as_flair(item)]
        found = found or [item for item in volumes if _is_timed_as_flair(item)]
        rule = "that is a FLAIR by description or inversion time"
    if len(found) != 1:
        listed = found or list(series)
        raise UserError(
            f"{where}: expected one series {rule}, found {len(found)} of "
            f"{len(series)} MR series:\n{bullet_list(listed)}\n"
            "Choose by --series=NUMBER or --series=DESCRIPTION"
        )
    return found[0]


def _looks_like_dicom(file: Path) -> bool:
    if file.suffix.lower() in _DICOM_SUFFIXES:
        return True
    try:
        with open(file, "rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _read_header(file: Path) -> Any | None:  # noqa: ANN401  (pydicom.Dataset)
    if not _looks_like_dicom(file):
        return None
    try:
        import pydicom
    except ImportError as error:
        raise UserError(
            "reading DICOM needs pydicom and dcm2niix: pip install '.[dicom]'"
        ) from error
    with warnings.catch_warnings():
        # About values that break the standard, in fields we do not need.
        warnings.simplefilter("ignore")
        try:
            return pydicom.dcmread(
                file,
                stop_before_pixels=True,
                specific_tags=list(_TAGS),
                force=file.suffix.lower() in _DICOM_SUFFIXES,
            )
        except (OSError, EOFError, ValueError, AttributeError):
            return None
        except pydicom.errors.InvalidDicomError:
            return None


def _series_of(study: str, found: list[tuple[Path, Any]]) -> DicomSeries:
    header = found[0][1]
    description = header.get("SeriesDescription") or header.get("ProtocolName")
    number = header.get("SeriesNumber")
    return DicomSeries(
        files=tuple(sorted(file for file, _ in found)),
        study=study,
        number="" if number is None else str(number),
        description=str(description or "").strip(),
        num_slices=sum(_num_frames(header) for _, header in found),
        inversion_time_ms=_time_of(header, "InversionTime"),
        echo_time_ms=_time_of(header, "EchoTime"),
    )


def _num_frames(header: Any) -> int:  # noqa: ANN401
    try:
        return int(header.get("NumberOfFrames") or 1)
    except (TypeError, ValueError):
        return 1  # damaged; dcm2niix will say what it makes of the file


def _time_of(header: Any, name: str) -> float | None:  # noqa: ANN401
    value = header.get(name)
    if value is None:
        # Multi-frame files keep it deeper, under other names.
        for element in header.iterall():
            if element.keyword in (name, f"Effective{name}", f"{name}s"):
                value = element.value
    if value is None:
        return None
    first = value if isinstance(value, str) else _first(value)
    try:
        return float(first) or None
    except (TypeError, ValueError):
        return None


def _first(value: Any) -> Any:  # noqa: ANN401
    try:
        return next(iter(value), None)
    except TypeError:
        return value


def _order(series: DicomSeries) -> int:
    return int(series.number) if series.number.isdecimal() else -1


def _named(series: Sequence[DicomSeries], wanted: str) -> list[DicomSeries]:
    text = wanted.strip().casefold()
    for matches in (
        lambda item: item.number == text,
        lambda item: item.description.casefold() == text,
        lambda item: text in item.description.casefold(),
    ):
        found = [item for item in series if matches(item)]
        if found:
            return found
    return []


def _is_described_as_flair(series: DicomSeries) -> bool:
    text = series.description.lower()
    if not _FLAIR.search(text) or _T1.search(text):
        return False
    return series.inversion_time_ms is None or _is_flair_time(series)


def _is_timed_as_flair(series: DicomSeries) -> bool:
    echo_time = series.echo_time_ms
    return (
        series.inversion_time_ms is not None
        and _is_flair_time(series)
        and echo_time is not None
        and echo_time >= _MIN_ECHO_TIME_MS
    )


def _is_flair_time(series: DicomSeries) -> bool:
    low, high = _INVERSION_TIMES_MS
    return low <= series.inversion_time_ms <= high
