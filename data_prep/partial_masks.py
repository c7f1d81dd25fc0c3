"""Makes partial masks, so that heads without manual masks can train a model.

A training learns from them what is no lesion: scalp, fat, orbits, bone, muscle,
fluid, and ordinary brain tissue. The masks say 0 there, and 2 (other pathology,
which the training losses ignore) wherever the brain is bright, so that a lesion
may be there. They never say 1, but with --predictions: there a model that knows
other scans says 1 or 0, as far as it is sure (self-training). They belong into
the split train alone: nothing can be measured against them.

Writes OUTPUT_DIR/sub-*/…_mask.nii.gz, pictures of what was taken for the brain,
and OUTPUT_DIR/cases.csv, a manifest of the heads and of the labelled study,
each subject of that in the split that wmh-prepare gives the study alone. A
region that cannot be a brain by its volume gets a picture and no mask (exit
code 1). Masks that are there are kept, and only what is missing is made; a head
whose line was taken out of cases.csv stays out.

  wmh-partial-masks --input=HEADS --labelled=STUDY --output_dir=PARTIAL
  (look at PARTIAL/pictures, and take bad ones out of PARTIAL/cases.csv)
  wmh-prepare --input=PARTIAL/cases.csv --data_dir=DATA

With what a model finds in the heads:

  wmh-predict --input=HEADS --output_dir=PRED   (or with --model=RUN)
  wmh-partial-masks --input=HEADS --predictions=PRED --output_dir=PARTIAL

Who is to test the next model must not have been fitted by this one.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import flags

from data_prep.brain_region import (
    IGNORED,
    BrainRegion,
    find_brain,
    partial_labels,
)
from data_prep.cases import Case, find_cases
from data_prep.cases.listing import bullet_list
from data_prep.checks import all_problems, check_cases, format_problems
from data_prep.errors import UsageError, VolumeError
from data_prep.files import locked_folder, sha256_of
from data_prep.nifti import read_volume
from data_prep.nifti_writing import write_mask
from data_prep.partial_cases import (
    choose_heads,
    mask_path,
    picture_path,
    write_manifest,
)
from data_prep.partial_mask_flags import define_flags
from data_prep.partial_output import (
    MANIFEST,
    check_place,
    find_taken_out,
    kept,
    remove_masks,
    write_description,
    write_sidecar,
)
from data_prep.predicted_labels import LESION, PredictedLabels
from data_prep.prepare_flags import split_choices_from
from data_prep.preprocess_config import PreprocessConfig
from data_prep.program import (
    EXIT_FAILED,
    EXIT_OK,
    progress,
    require,
    run_program,
)
from data_prep.splits import assign_splits
from data_prep.volume import Volume
from wmh_keras.pictures.overlay import draw_tiles
from wmh_keras.pictures.overview import write_overview

# What the intensities have to allow; nothing else of it counts here.
_SCALING = PreprocessConfig(normalization="clipped_zscore")
# Share of a brain that lesions hardly ever take.
_MUCH = 0.1


def main(flag_values: flags.FlagValues) -> int:
    """Finds the heads, makes their masks, lists them."""
    require(flag_values, "input", "output_dir")
    limits = flag_values.min_brain_ml, flag_values.max_brain_ml
    if limits[0] >= limits[1]:
        raise UsageError("--min_brain_ml: expected less than --max_brain_ml")
    split_choices = split_choices_from(flag_values)
    predicted = _predicted_labels(flag_values)
    output_dir = Path(flag_values.output_dir).absolute()
    labels_by = str(predicted or "")
    check_place(output_dir, labels_by, overwrite=flag_values.overwrite)
    labelled: list[Case] = []
    if flag_values.labelled:
        labelled = find_cases(
            flag_values.labelled, mask_derivative=flag_values.mask_derivative
        )
    elif flag_values.mask_derivative:
        raise UsageError("--mask_derivative needs --labelled")
    splits = assign_splits(labelled, **split_choices)
    heads, left_out = choose_heads(find_cases(flag_values.input), splits)
    print("\n".join([f"{len(heads)} heads without masks", *left_out]))
    if predicted and (warning := predicted.warn_of_seen(splits)):
        print(f"warning: {warning}")
    checks = check_cases(heads, preprocess=_SCALING)
    if problems := all_problems(checks):
        print(f"\n{len(problems)} problems:\n{format_problems(problems)}\n")

    refused = [check.case.volume_id for check in checks if check.problems]
    sound = [check.case for check in checks if not check.problems]
    with locked_folder(output_dir, "another process writes here"):
        manifest = output_dir / MANIFEST
        if flag_values.overwrite:
            remove_masks(output_dir, sound)
            taken_out: set[str] = set()
        else:
            taken_out = find_taken_out(output_dir)
        write_description(output_dir, labels_by, None, taken_out)
        made = kept(sound, output_dir, taken_out)
        todo = [
            case for case in sound if not mask_path(output_dir, case).exists()
        ]
        try:
            for case in progress(todo, "partial masks", unit="scan"):
                if _make_mask(case, output_dir, limits, predicted):
                    made.append(case)
                else:
                    refused.append(case.volume_id)
        finally:  # after Ctrl-C, too
            if made:
                write_manifest(manifest, made, labelled, splits)
            elif todo:
                manifest.unlink(missing_ok=True)
            write_description(output_dir, labels_by, made, taken_out)
    return _report(
        output_dir,
        made,
        refused,
        has_study=bool(labelled),
        is_predicted=predicted is not None,
    )


def _predicted_labels(flag_values: flags.FlagValues) -> PredictedLabels | None:
    if flag_values.predictions is not None:
        if not flag_values.predictions:
            raise UsageError("--predictions: expected a folder, received ''")
        return PredictedLabels(
            Path(flag_values.predictions),
            flag_values.lesion_from,
            flag_values.tissue_below,
        )
    for name in ("lesion_from", "tissue_below"):
        if flag_values[name].present:
            raise UsageError(f"--{name} needs --predictions")
    return None


def _make_mask(
    case: Case,
    output_dir: Path,
    limits: tuple[float, float],
    predicted: PredictedLabels | None,
) -> bool:
    """Makes picture and mask of one head; False where there is no brain."""
    path = mask_path(output_dir, case)
    try:
        flair = read_volume(case.flair)
        brain = find_brain(flair)
        labels = partial_labels(flair, brain)
        image = sha256_of(case.flair)
        if predicted:
            labels = predicted.apply(image, flair, labels)
    except VolumeError as error:
        for old in (path, picture_path(output_dir, case)):
            old.unlink(missing_ok=True)
        print(f"{case.volume_id}: no mask: {error}")
        return False
    share = np.count_nonzero(labels == IGNORED) / np.count_nonzero(brain.inside)
    summary = (
        f"brain {brain.volume_ml:.0f} ml, {share:.0%} of it ignored"
        f"{', skull-stripped' if brain.is_stripped else ''}"
    )
    if predicted:
        voxels = np.count_nonzero(labels == LESION)
        lesions_ml = voxels * flair.voxel_mm3 / 1000
        summary += f", {lesions_ml:.1f} ml taken for lesions"
    is_plausible = limits[0] <= brain.volume_ml <= limits[1]
    warnings = []
    if not is_plausible:
        warnings.append(
            f"no mask, since a brain has {limits[0]:g} to {limits[1]:g} ml "
            "(--min_brain_ml, --max_brain_ml)"
        )
    if predicted and lesions_ml > _MUCH * brain.volume_ml:
        warnings.append("warning: that is much; look at the picture")
    if brain.touches_edge and not brain.is_stripped:
        warnings.append("warning: the region reaches the edge of a slice")
    # The picture first: where a mask is, its picture is too.
    _draw(picture_path(output_dir, case), case, flair, brain, labels, summary)
    if is_plausible:
        write_sidecar(path, image)
        write_mask(path, labels, flair)
    else:  # nor may one of an earlier run stay
        path.unlink(missing_ok=True)
    print("; ".join([f"{case.volume_id}: {summary}", *warnings]))
    return is_plausible


def _draw(
    path: Path,
    case: Case,
    flair: Volume,
    brain: BrainRegion,
    labels: np.ndarray,
    summary: str,
) -> None:
    marked, meaning = IGNORED, "ignored: a lesion may be there"
    if np.any(labels == LESION):
        marked, meaning = LESION, "taken for a lesion, as the model says"
    tiles = draw_tiles(flair, labels == marked, brain.inside, count=12)
    write_overview(
        path,
        tiles,
        title=case.volume_id,
        subtitle=summary,
        has_reference=True,
        names=(meaning, "brain; outside of it none"),
    )


def _report(
    output_dir: Path,
    made: Sequence[Case],
    refused: Sequence[str],
    *,
    has_study: bool,
    is_predicted: bool,
) -> int:
    if refused:
        print(f"\n{len(refused)} without a mask:\n{bullet_list(refused)}")
    if made:
        advice = (
            ", or whose orange one holds no lesions" if is_predicted else ""
        )
        print(
            f"\n{len(made)} partial masks in {output_dir}\n"
            f"Look at {output_dir / 'pictures'} before you train on them, and "
            "delete from cases.csv the lines of heads whose blue outline is "
            f"not their brain{advice}. Then:\n"
            f"  wmh-prepare --input={output_dir / MANIFEST} --data_dir=DATA"
        )
        if not has_study:
            print(
                "cases.csv lists the heads alone; with --labelled=STUDY it "
                "lists the labelled study, too."
            )
    return EXIT_FAILED if refused else EXIT_OK


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program."""
    return run_program(
        name="wmh-partial-masks",
        description=__doc__,
        define_flags=define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
