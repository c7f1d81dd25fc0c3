"""Makes FLAIR volumes from DICOM folders, through dcm2niix."""

import atexit
import collections
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.cases.case import Case
from data_prep.cases.dicom_series import (
    DicomSeries,
    choose_flair,
    has_dicom_files,
    is_one_study,
    list_series,
)
from data_prep.cases.listing import walk_files
from data_prep.errors import UserError

__all__ = [
    "DicomConverter",
    "find_dicom_images",
    "has_dicom_files",
    "is_one_study",
]

_DEEPEST = "9"


class DicomConverter:
    """Finds and converts the FLAIR series of DICOM folders.

    Args:
      series: number or description of the series; None finds the FLAIR.
      work_dir: where the volumes go; None makes a temporary folder that is
        removed when the process ends.
      warn: gets what dcm2niix warns of.
    """

    def __init__(
        self,
        series: str | None,
        work_dir: str | Path | None,
        warn: Callable[[str], None],
    ) -> None:
        self._series = series
        self._work_dir = None if work_dir is None else Path(work_dir)
        self._warn = warn

    def convert_flair(self, folder: Path) -> Path | None:
        """Converts the FLAIR among the DICOM files below a folder.

        Returns:
          A NIfTI file named after the folder, never after the patient; None
          where there is no MR series.

        Raises:
          UserError: no series or several can be the FLAIR, an extra is not
            installed, or dcm2niix fails.
        """
        series = list_series(walk_files(folder))
        if not series:
            return None
        target, _ = self.convert(series, folder.name, str(folder))
        return target

    def convert(
        self, series: Sequence[DicomSeries], name: str, where: str
    ) -> tuple[Path, DicomSeries]:
        """Converts the FLAIR of several series to NAME_FLAIR.nii.

        Returns:
          The volume, and the series that it was made from.
        """
        chosen = choose_flair(series, self._series, where)
        program = _find_dcm2niix()
        target = self._folder() / f"{name}_FLAIR.nii"
        if target.exists():
            unique = tempfile.mkdtemp(dir=self._folder())
            target = Path(unique, target.name)
        with tempfile.TemporaryDirectory(dir=self._folder()) as scratch:
            volume = _run_dcm2niix(
                program, chosen, Path(scratch), where, self._warn
            )
            os.replace(volume, target)
        return target, chosen

    def _folder(self) -> Path:
        if self._work_dir is None:
            self._work_dir = Path(tempfile.mkdtemp(prefix="wmh-dicom-"))
            atexit.register(shutil.rmtree, self._work_dir, ignore_errors=True)
        self._work_dir.mkdir(parents=True, exist_ok=True)
        return self._work_dir


def find_dicom_images(path: Path, converter: DicomConverter) -> list[Case]:
    """Converts the FLAIR of each study below a folder.

    A folder with one study is one case, named after the folder. Of several
    studies each is a case, named after the highest folder that has no other
    study's files in it.

    Returns:
      The cases by folder name; empty where there is no MR series.

    Raises:
      UserError: studies without a FLAIR or with several; all are listed.
    """
    studies = collections.defaultdict(list)
    for series in list_series(walk_files(path)):
        studies[series.study].append(series)
    names = _study_names(path, studies)
    cases, failures = [], []
    for study, name in sorted(names.items(), key=lambda item: item[1]):
        where = str(path / name) if name else str(path)
        subject_id = name.replace("/", "_") or path.name
        try:
            flair, chosen = converter.convert(studies[study], subject_id, where)
        except UserError as error:
            failures.append(str(error))
            continue
        last = Path(name).name or path.name
        cases.append(
            Case(
                subject_id=subject_id,
                images=(("flair", str(flair)),),
                relative_path=(Path(name) / f"{last}_FLAIR.nii.gz").as_posix(),
                dicom_files=tuple(str(file) for file in chosen.files),
            )
        )
    if failures:
        raise UserError("\n".join(failures))
    return cases


def _study_names(
    path: Path, studies: dict[str, list[DicomSeries]]
) -> dict[str, str]:
    if len(studies) < 2:
        return dict.fromkeys(studies, "")
    studies_in = collections.defaultdict(set)
    files_of = {
        study: [file for item in series for file in item.files]
        for study, series in studies.items()
    }
    for study, files in files_of.items():
        for file in files:
            for folder in file.relative_to(path).parents:
                studies_in[folder].add(study)
    names = {}
    for study, files in files_of.items():
        common = Path(os.path.commonpath([file.parent for file in files]))
        lineage = [common, *common.parents]
        own = [
            folder.relative_to(path)
            for folder in lineage
            if folder.is_relative_to(path)
            and studies_in[folder.relative_to(path)] == {study}
        ]
        if own:
            names[study] = own[-1].as_posix()
        else:  # mixed with others in one folder
            number = sorted(studies).index(study) + 1
            mixed = common.relative_to(path) / f"study{number}"
            names[study] = mixed.as_posix()
    return names


def _find_dcm2niix() -> str:
    if importlib.util.find_spec("dcm2niix") is not None:
        import dcm2niix

        return str(dcm2niix.bin)
    program = shutil.which("dcm2niix")
    if program is None:
        raise UserError(
            "converting DICOM needs dcm2niix: pip install '.[dicom]', "
            "or put the program on the PATH"
        )
    return program


def _run_dcm2niix(
    program: str,
    series: DicomSeries,
    scratch: Path,
    where: str,
    warn: Callable[[str], None],
) -> Path:
    # Links give it this series alone, whatever else lies in the folder.
    source, target = scratch / "series", scratch / "nifti"
    source.mkdir()
    target.mkdir()
    for index, file in enumerate(series.files):
        _link(file.absolute(), source / f"{index:06d}.dcm")
    command = [program, "-g", "i", "-b", "n", "-z", "n", "-c", "", "-d"]
    command += [_DEEPEST, "-f", "flair", "-o", str(target), str(source)]
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    for line in result.stdout.splitlines():
        if line.startswith("Warning"):
            warn(f"{where}, {series}: {line.replace(str(source), '…')}")
    volumes = sorted(target.glob("*.nii"))
    if len(volumes) != 1:
        tail = "\n".join(result.stdout.splitlines()[-8:])
        raise UserError(
            f"{where}, {series}: expected one volume from dcm2niix, received "
            f"{len(volumes)} (exit code {result.returncode}):\n{tail}\n"
            "Convert it by hand and give the NIfTI file"
        )
    return volumes[0]


def _link(file: Path, link: Path) -> None:
    try:
        link.symlink_to(file)
    except OSError:  # a file system without links
        shutil.copyfile(file, link)
