"""Prepares FLAIR volumes and masks as a data set for training and evaluation.

Finds the cases in --input (a BIDS data set, a CSV manifest, a folder of
subject folders, or DICOM), checks all of them, splits them by subject, and
writes slices and whole volumes to --data_dir as a TFDS data set with a card.
Nothing is written unless every case is sound (see --skip_invalid), and a run
that is stopped leaves nothing behind that could be opened.

  wmh-prepare --input=STUDY --data_dir=DATA --dry_run
  wmh-prepare --input=STUDY --data_dir=DATA
"""

import datetime
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from data_prep import data_folder, preparation_report
from data_prep.case_records import SortedChecks, all_warnings, sort_checks
from data_prep.cases import find_cases
from data_prep.checks import all_problems, check_cases, format_problems
from data_prep.errors import UsageError, UserError
from data_prep.flag_groups import preprocess_config_from
from data_prep.preparation import PreparationPlan, plan_identity
from data_prep.prepare_flags import define_flags
from data_prep.program import EXIT_FAILED, EXIT_OK, require, run_program
from data_prep.pseudonyms import Pseudonyms, read_or_make_key
from data_prep.side_files import write_side_files
from data_prep.splits import assign_splits, parse_external_sites


def main(flag_values: flags.FlagValues) -> int:
    """Finds, checks, splits, prepares."""
    started = time.time()
    require(flag_values, "input", "data_dir")
    data_dir = Path(flag_values.data_dir)
    choices = _choices(flag_values)
    num_workers = flag_values.num_workers or _num_cores()
    data_folder.check_place(data_dir)

    cases = find_cases(
        flag_values.input,
        mask_derivative=flag_values.mask_derivative,
        series=flag_values.series,
    )
    print(preparation_report.format_found(cases))
    checks = check_cases(
        cases, mask_value=flag_values.mask_value, max_workers=num_workers
    )
    problems = all_problems(checks)
    if problems:
        print(f"\n{len(problems)} problems:\n{format_problems(problems)}\n")
        if not flag_values.skip_invalid and not flag_values.dry_run:
            print(
                f"Nothing was written to {data_dir}. Correct the files, or "
                f"leave them out with --skip_invalid."
            )
            return EXIT_FAILED

    parts = sort_checks(checks, _pseudonyms(flag_values, cases))
    splits = assign_splits(
        [check.case for _, check in parts.used],
        fractions=choices["fractions"],
        seed=choices["seed"],
        external_sites=choices["external_sites"],
    )
    plan = PreparationPlan.of(
        [case for case, _ in parts.used],
        {case.subject_id: splits[c.case.subject_id] for case, c in parts.used},
        preprocess_config_from(flag_values),
        flag_values.mask_value,
    )
    if flag_values.dry_run:
        print(f"\n{preparation_report.format_cases(plan, parts)}")
    print(f"\n{preparation_report.format_splits(plan, parts)}\n")
    if flag_values.dry_run:
        print(f"--dry_run: nothing was written to {data_dir}.")
        return EXIT_FAILED if problems else EXIT_OK
    return _write(data_dir, plan, parts, choices, num_workers, started)


def _write(
    data_dir: Path,
    plan: PreparationPlan,
    parts: SortedChecks,
    choices: Mapping[str, Any],
    num_workers: int,
    started: float,
) -> int:
    digests = {c.volume_id: check.content_sha256 for c, check in parts.used}
    left_out = [
        (status, case.volume_id, case.exclude_reason)
        for case, status, _ in parts.left_out
    ]
    identity = plan_identity(plan, digests, left_out)
    if data_folder.is_finished(data_dir):
        return _compare(data_dir, plan, identity, choices)

    # Only now: TensorFlow takes seconds to import, and greets at length.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    from tfds_wmh.writing import write_datasets

    with data_folder.build_data_folder(data_dir) as folder:
        summaries = write_datasets(plan, folder, num_workers)
        times = {
            "started": datetime.datetime.fromtimestamp(
                started, datetime.UTC
            ).isoformat(timespec="seconds"),
            "seconds": round(time.time() - started, 1),
        }
        write_side_files(
            folder,
            plan,
            parts,
            summaries,
            identity,
            choices=choices,
            times=times,
        )
    warnings = preparation_report.format_warnings(
        (case.volume_id, all_warnings(check, summaries[case.volume_id]))
        for case, check in parts.used
    )
    print(warnings + "\n" if warnings else "", end="")
    print(
        f"Prepared {len(plan.cases)} volumes in {times['seconds']} s.\n"
        f"Data set:  {data_dir / data_folder.DATASET_NAME}\n"
        f"Data card: {data_dir / data_folder.READABLE_CARD_FILE}\n"
        f"Splits:    {data_dir / data_folder.SPLITS_FILE}\n"
        f"Cases:     {data_dir / data_folder.CASES_FILE}"
    )
    return EXIT_OK


def _compare(
    data_dir: Path,
    plan: PreparationPlan,
    identity: str,
    choices: Mapping[str, Any],
) -> int:
    data_folder.remove_leftovers(data_dir)
    card = data_folder.read_card(data_dir)
    if card["identity"] == identity:
        print(f"{data_dir}: holds this very preparation; nothing to do.")
        return EXIT_OK
    difference = preparation_report.explain_difference(card, plan, choices)
    raise UserError(
        f"{data_dir}: holds a different preparation ({difference}); choose "
        f"another --data_dir, or remove this one"
    )


def _choices(flag_values: flags.FlagValues) -> dict[str, Any]:
    try:
        fractions = [float(text) for text in flag_values.fractions]
    except ValueError as error:
        raise UsageError(f"--fractions: expected numbers: {error}") from error
    if flag_values.pseudonym_key and not flag_values.pseudonymize:
        raise UsageError("--pseudonym_key needs --pseudonymize")
    sites = parse_external_sites(flag_values.external_sites)
    return {
        "fractions": fractions,
        "seed": flag_values.seed,
        "external_sites": {name: list(own) for name, own in sites.items()},
        "pseudonymized": flag_values.pseudonymize,
    }


def _pseudonyms(
    flag_values: flags.FlagValues, cases: Sequence[Any]
) -> Pseudonyms | None:
    # A dry run shows the real ids, and makes no key.
    if not flag_values.pseudonymize or flag_values.dry_run:
        return None
    data_dir = Path(flag_values.data_dir).resolve()
    path = flag_values.pseudonym_key or data_dir.with_name(
        f"{data_dir.name}.pseudonym_key"
    )
    key = read_or_make_key(path, data_dir)
    print(f"Pseudonyms by the key {path}: keep it, and do not share it.")
    return Pseudonyms(cases, key)


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
