"""What makes an output folder a BIDS derivative: description and sidecars."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from data_prep.cases.channels import relative_channels
from data_prep.cases.listing import PROGRAM_NAME, is_own_folder
from data_prep.errors import UserError
from data_prep.files import write_json, write_text
from data_prep.version import __version__
from wmh_keras.inference.ensemble import model_identity
from wmh_keras.model_info import ModelInfo
from wmh_keras.prediction.outputs import Job
from wmh_keras.prediction.records import Settings

DESCRIPTION_FILE = "dataset_description.json"
README_FILE = "README.md"
_BIDS_VERSION = "1.8.0"  # the first with BIDS URIs and DatasetLinks
_LINK = "raw"
# What a validator would not know.
_IGNORED = (
    "*_lesions.csv",
    "*_overview.png",
    "*_prediction.json",
    "volumes.csv",
    "index.html",
)
_README = f"""\
# White matter hyperintensities found by {PROGRAM_NAME}

Made by a program and not corrected by hand. Research software, not a medical
device: look at every mask before you use it.

For each FLAIR image of the raw data set, on its own grid:

- `*_label-WMH_mask.nii.gz`: 1 where a lesion is
- `*_label-WMH_probseg.nii.gz`: the probability of it, 0 to 1
- `*_label-WMH_desc-disagreement_probseg.nii.gz`, of an ensemble alone: how far
  its networks disagree; not a probability
- `*_label-WMH_lesions.csv`: one line a lesion
- `*_label-WMH_overview.png`: slices with the outline
- `*_label-WMH_prediction.json`: with what it was made; says that the rest is
  complete

`volumes.csv` and `index.html` cover all scans. The files for which BIDS has no
name are listed in `.bidsignore`.
"""


def check_output_dir(input_dir: str | os.PathLike, output_dir: str) -> None:
    """Checks that a folder can become a derivative, before any work.

    Raises:
      UserError: the output would go into the raw data set itself, or into a
        data set that another program made.
    """
    root = Path(output_dir)
    if root.resolve() == Path(input_dir).resolve():
        raise UserError(
            f"{output_dir}: this is the BIDS data set itself, results would "
            f"mix with raw data; take "
            f"{Path(output_dir, 'derivatives', PROGRAM_NAME)}"
        )
    if (root / DESCRIPTION_FILE).exists() and not is_own_folder(root):
        raise UserError(
            f"{root / DESCRIPTION_FILE}: expected no data set there, or one "
            f"that {PROGRAM_NAME} made; take another --output_dir"
        )


def write_description(
    input_dir: str | os.PathLike, output_dir: str | os.PathLike
) -> None:
    """Writes dataset_description.json, .bidsignore and a README.

    A README that is there, in any of the forms that BIDS knows, is kept.
    """
    root = Path(output_dir)
    link = _relative_uri(Path(input_dir), root)
    write_json(
        root / DESCRIPTION_FILE,
        {
            "Name": "White matter hyperintensities found by wmh-keras",
            "BIDSVersion": _BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [
                {
                    "Name": PROGRAM_NAME,
                    "Version": __version__,
                    "Description": "Automatic segmentation; research "
                    "software, not a medical device",
                }
            ],
            "SourceDatasets": [{"URL": link}],
            "DatasetLinks": {_LINK: link},
        },
    )
    write_text(root / ".bidsignore", "\n".join(_IGNORED) + "\n")
    if not any(root.glob("README*")):
        write_text(root / README_FILE, _README)


def describe_models(infos: Sequence[ModelInfo], flips: str) -> dict[str, Any]:
    """Says what is known of the models, for the sidecars.

    Args:
      infos: the models, at least one.
      flips: the test-time flips.

    Returns:
      JSON values: of one model its own, of several a list under "Ensemble".
    """
    each = [
        {
            **({"Name": info.name} if info.name else {}),
            **({"Version": info.version} if info.version else {}),
            "Network": info.network,
            "DataIdentity": info.data_identity,
            "Versions": dict(info.versions),
            "Checksum": info.checksum,
        }
        for info in infos
    ]
    described = each[0]
    if len(infos) > 1:
        named = zip(infos, each, strict=True)
        described = {
            "Ensemble": [
                {"Identity": model_identity(i), **about} for i, about in named
            ]
        }
    if flips != "none":
        described["TestTimeFlips"] = flips
    return described


def write_sidecars(
    job: Job,
    settings: Settings,
    model: Mapping[str, Any],
    *,
    has_uncertainty: bool = False,
) -> None:
    """Writes the JSON beside mask, probability map and uncertainty.

    All lie on the FLAIR's own grid, so that the FLAIR is the spatial
    reference.

    Args:
      job: of a BIDS data set, with sidecars planned.
      settings: what decided the result.
      model: what is known of the model, as JSON values.
      has_uncertainty: whether the map of an ensemble's disagreement is there.
    """
    relative = [job.case.relative_path, *relative_channels(job.case).values()]
    source, *others = (
        f"bids:{_LINK}:{quote(str(PurePosixPath(path)))}" for path in relative
    )
    common = {
        "Sources": [source, *others],
        "SpatialReference": source,
        "Label": "WMH",
        "Model": {"Identity": settings.model, **model},
    }
    mask, probability, uncertainty = job.outputs.sidecars
    write_json(
        mask,
        {
            "Description": "White matter hyperintensities, 1 inside",
            "Type": "Lesion",
            **common,
            "Threshold": settings.threshold,
            "MinLesionVolume": settings.min_lesion_mm3,
            "MinLesionVolumeUnits": "mm^3",
        },
    )
    write_json(
        probability,
        {
            "Description": "Probability of white matter hyperintensity",
            "Manual": False,
            **common,
        },
    )
    if has_uncertainty:
        write_json(
            uncertainty,
            {
                "Description": "Disagreement of an ensemble, no probability: "
                "the population standard deviation of its members' "
                "probabilities of white matter hyperintensity, 0 to 0.5",
                "Manual": False,
                **common,
            },
        )


def _relative_uri(target: Path, start: Path) -> str:
    """Returns the way from `start` to `target`, so that both can move."""
    try:
        relative = os.path.relpath(target.resolve(), start.resolve())
    except ValueError:  # another drive
        return target.resolve().as_uri()
    return quote(Path(relative).as_posix())
