"""The output folder: fit for results, and for whom it is kept."""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from data_prep.errors import UserError
from data_prep.files import locked_folder
from wmh_keras.prediction.outputs import Job

_HOLDER = "another process writes there"


def check_output_dir(output_dir: Path) -> None:
    """Checks that results can go into a folder; it need not exist.

    Raises:
      UserError: it is a file, or lies below one.
    """
    for folder in (output_dir, *output_dir.absolute().parents):
        if folder.exists():
            if not folder.is_dir():
                raise UserError(
                    f"--output_dir={output_dir}: expected a folder, but "
                    f"{folder} is a file"
                )
            return


def check_apart(jobs: Sequence[Job], path: Path, output_dir: Path) -> None:
    """Refuses converted DICOM inside the DICOM folder itself.

    The converted image is kept with its results; there, the next run would
    find it in place of the DICOM files.

    Raises:
      UserError: the output folder lies in the input folder.
    """
    converted = any(job.outputs.flair is not None for job in jobs)
    if converted and output_dir.resolve().is_relative_to(path.resolve()):
        raise UserError(
            f"--output_dir={output_dir}: lies in the DICOM folder {path}; "
            f"take a folder outside of it"
        )


@contextlib.contextmanager
def locked_output(
    output_dir: Path, subjects: Collection[str] | None = None
) -> Iterator[None]:
    """Keeps other processes out of an output folder while results are made.

    Args:
      output_dir: the folder; made if need be.
      subjects: of a BIDS derivative, those whose results are made: only
        their folders are then kept, so that processes with other subjects
        can work beside this one. None keeps the whole folder.

    Raises:
      UserError: another process has it.
    """
    with contextlib.ExitStack() as locks:
        locks.enter_context(
            locked_folder(output_dir, _HOLDER, shared=subjects is not None)
        )
        for subject in sorted(subjects or ()):
            folder = output_dir / f"sub-{subject}"
            locks.enter_context(locked_folder(folder, _HOLDER))
        yield
