"""The flags of the program `wmh-report`, and the request they make."""

from pathlib import Path

from absl import flags

from data_prep.errors import UsageError
from data_prep.program import require
from wmh_keras.reporting.report_request import DEFAULT_TITLE, ReportRequest


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    common = {"flag_values": flag_values}
    flags.DEFINE_list(
        "evaluations", [], "Folders of evaluations, with commas.", **common
    )
    flags.DEFINE_list(
        "names",
        [],
        "What the models are called, with commas, in the same order; by "
        "default as the folders.",
        **common,
    )
    for name, text in (
        ("ratings", "Table of clinical ratings: subject, rater, score."),
        ("rated", "Name of the model that was rated; by default the first."),
        ("data_dir", "Prepared data set, for splits, spacings, patient flow."),
        ("output_dir", "Where the report goes; made if need be."),
    ):
        flags.DEFINE_string(name, None, text, **common)
    flags.DEFINE_enum(
        "mismatch",
        "lesions",
        ("lesions", "dice"),
        "What the automatic grades take for the mismatch of a size class: the "
        "share of predicted lesions that are false, or 1 - Dice.",
        **common,
    )
    flags.DEFINE_string(
        "title", DEFAULT_TITLE, "Heading of the page.", **common
    )
    seed = "Seed of the bootstrap intervals of differences."
    flags.DEFINE_integer("seed", 0, seed, lower_bound=0, **common)
    flags.DEFINE_boolean(
        "skip_invalid",
        False,
        "Go on without ratings of unknown patients, and where a rater skipped "
        "patients; the page says so.",
        **common,
    )
    flags.DEFINE_boolean(
        "overwrite",
        False,
        "Replace another report, or write beside other files.",
        **common,
    )


def request_from(flag_values: flags.FlagValues) -> ReportRequest:
    """The request that the flags make.

    Raises:
        UsageError: a flag is missing, or needs another one.
    """
    require(flag_values, "evaluations", "output_dir")
    if flag_values.rated and not flag_values.ratings:
        raise UsageError("--rated: says whose masks --ratings is about")
    paths = {
        name: Path(flag_values[name].value).expanduser()
        for name in ("ratings", "data_dir", "output_dir")
        if flag_values[name].value
    }
    return ReportRequest(
        evaluations=tuple(
            Path(folder).expanduser() for folder in flag_values.evaluations
        ),
        names=tuple(flag_values.names),
        rated=flag_values.rated or "",
        mismatch_by=flag_values.mismatch,
        title=flag_values.title,
        seed=flag_values.seed,
        skip_invalid=flag_values.skip_invalid,
        overwrite=flag_values.overwrite,
        **paths,
    )
