"""Prepares FLAIR volumes and masks as a data set for training and evaluation.

Finds the cases in --input (a BIDS data set, a CSV manifest, a folder of
subject folders, or DICOM), checks all of them, splits them by subject, and
writes slices and whole volumes to --data_dir as a TFDS data set with a card.
Nothing is written unless every case is sound (see --skip_invalid), and a run
that is stopped leaves nothing behind that could be opened.

  wmh-prepare --input=STUDY --data_dir=DATA --dry_run
  wmh-prepare --input=STUDY --data_dir=DATA
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from data_prep.cases import find_cases
from data_prep.checks import all_problems, check_cases, format_problems
from data_prep.dataset import data_folder
from data_prep.dataset import report as preparation_report
from data_prep.dataset.case_records import sort_checks
from data_prep.dataset.data_card import VolumeSummary
from data_prep.dataset.folder_writing import write_data_folder
from data_prep.dataset.plan import PreparationPlan
from data_prep.dataset.pseudonyms import Pseudonyms, read_or_make_key
from data_prep.flag_groups import preprocess_config_from
from data_prep.prepare_flags import (
    beam_options_from,
    choices_from,
    define_flags,
    num_workers_from,
    pseudonym_key_path,
)
from data_prep.program import EXIT_FAILED, EXIT_OK, require, run_program
from data_prep.splits import assign_splits, check_split_choices
from wmh_keras import distribution


def main(flag_values: flags.FlagValues) -> int:
    """Finds, checks, splits, prepares."""
    started = time.time()
    require(flag_values, "input", "data_dir")
    data_dir = Path(flag_values.data_dir)
    choices = choices_from(flag_values)
    preprocess = preprocess_config_from(flag_values)
    num_workers = num_workers_from(flag_values)
    beam_options = beam_options_from(flag_values)
    data_folder.check_place(data_dir)

    cases = find_cases(
        flag_values.input,
        channels=preprocess.channels,
        mask_derivative=flag_values.mask_derivative,
        series=flag_values.series,
    )
    print(preparation_report.format_found(cases))
    check_split_choices(cases, choices["fractions"], choices["external_sites"])
    checks = check_cases(
        cases,
        preprocess=preprocess,
        mask_value=flag_values.mask_value,
        max_workers=num_workers,
    )
    problems = all_problems(checks)
    refused = bool(problems) and not flag_values.skip_invalid
    if problems:
        print(f"\n{len(problems)} problems:\n{format_problems(problems)}\n")
        if refused and not flag_values.dry_run:
            print(
                f"Nothing was written to {data_dir}. Correct the files, or "
                f"leave them out with --skip_invalid."
            )
            return EXIT_FAILED

    pseudonyms = None
    if (key_path := pseudonym_key_path(flag_values)) is not None:
        pseudonyms = Pseudonyms(cases, read_or_make_key(key_path, data_dir))
        print(
            f"Pseudonyms by the key {key_path}: keep it, and do not share it."
        )
    parts = sort_checks(checks, pseudonyms)
    splits = assign_splits(
        [check.case for _, check in parts.used],
        fractions=choices["fractions"],
        seed=choices["seed"],
        external_sites=choices["external_sites"],
    )
    plan = PreparationPlan.of(
        [case for case, _ in parts.used],
        {case.subject_id: splits[c.case.subject_id] for case, c in parts.used},
        preprocess,
        flag_values.mask_value,
    )
    if flag_values.dry_run:
        print(f"\n{preparation_report.format_cases(plan, parts)}")
    print(f"\n{preparation_report.format_splits(plan, parts)}\n")
    if flag_values.dry_run:
        print(f"--dry_run: nothing was written to {data_dir}.")
        return EXIT_FAILED if refused else EXIT_OK

    def write(folder: Path) -> dict[str, VolumeSummary]:
        # Only now: TensorFlow takes seconds to import.
        distribution.import_tensorflow()
        from tfds_wmh.beam_writing import BeamRun
        from tfds_wmh.writing import write_datasets

        num_slices = {c.volume_id: k.facts.num_slices for c, k in parts.used}
        run = BeamRun(beam_options, num_slices) if beam_options else None
        return write_datasets(plan, folder, num_workers, run)

    report = write_data_folder(
        data_dir, plan, parts, write, choices=choices, started=started
    )
    print(report)
    return EXIT_OK


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program."""
    return run_program(
        name="wmh-prepare",
        description=__doc__,
        define_flags=define_flags,
        main=main,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(cli())
