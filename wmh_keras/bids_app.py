r"""Find white matter hyperintensities in a BIDS data set, as a BIDS App.

  wmh-bids-app BIDS_DIR OUTPUT_DIR participant
  wmh-bids-app BIDS_DIR OUTPUT_DIR participant --model=RUN \
      --participant_label 01 02 --session_label 1
  wmh-bids-app BIDS_DIR OUTPUT_DIR group

participant segments the FLAIR images, all or those of the participants named,
and writes BIDS derivatives: a mask, a probability map, a table of lesions and
a picture of each. Runs with participants of their own may work side by side
into one OUTPUT_DIR. group makes the table and the page of the whole cohort,
volumes.csv and index.html, and says who is missing in it; its exit code is 0
where nobody is. Without --model it is the model that comes with the package;
--version names it, or that of a --model beside it. In a container a model of
your own has to be mounted: -v RUN:/model:ro and --model=/model. Research
software, not a medical device.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from data_prep.program import EXIT_FAILED, EXIT_OK, require, run_program
from wmh_keras.inference.inference_flags import define_inference_flags
from wmh_keras.inference.model_text import describe_chosen_models
from wmh_keras.prediction.bids_arguments import labels_from, to_flags
from wmh_keras.prediction.output_flags import (
    define_result_flags,
    request_from,
)

if TYPE_CHECKING:
    from wmh_keras.prediction.bids_selection import Selection

_PARTICIPANT, _GROUP = "participant", "group"
_POSITIONAL = ("bids_dir", "output_dir", "analysis_level")


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the program's flags."""
    common = {"flag_values": flag_values}
    flags.DEFINE_string(
        "bids_dir", None, "The BIDS data set; given first.", **common
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "Where the derivatives go; given second, and made if need be.",
        **common,
    )
    flags.DEFINE_enum(
        "analysis_level",
        None,
        [_PARTICIPANT, _GROUP],
        "What is to be done; given third.",
        **common,
    )
    flags.DEFINE_multi_string(
        "participant_label",
        [],
        "Participants, such as 01 02, with or without sub-; by default all. "
        "group expects results of these.",
        **common,
    )
    flags.DEFINE_multi_string(
        "session_label",
        [],
        "Sessions, such as 1 2, with or without ses-; by default all.",
        **common,
    )
    define_inference_flags(flag_values)
    define_result_flags(flag_values)
    flags.DEFINE_boolean(
        "skip_bids_validator",
        False,
        "Taken because BIDS Apps have it: no validator is run, every image is "
        "checked when it is read.",
        **common,
    )


def main(flag_values: flags.FlagValues) -> int:
    """Runs a level; 0 where every scan has its result, else 1."""
    require(flag_values, *_POSITIONAL)
    from wmh_keras.prediction.bids_selection import Selection

    selection = Selection(
        subjects=labels_from(
            flag_values.participant_label, "participant_label", "sub-"
        ),
        sessions=labels_from(
            flag_values.session_label, "session_label", "ses-"
        ),
    )
    bids_dir = Path(flag_values.bids_dir).absolute()
    if flag_values.analysis_level == _PARTICIPANT:
        return _segment(flag_values, bids_dir, selection)
    from wmh_keras.prediction.bids_selection import check_is_raw_bids
    from wmh_keras.prediction.group import summarize_cohort

    check_is_raw_bids(bids_dir)
    cohort = summarize_cohort(bids_dir, Path(flag_values.output_dir), selection)
    print("\n".join(cohort.describe()))
    return EXIT_OK if cohort.is_complete else EXIT_FAILED


def _segment(
    flag_values: flags.FlagValues, bids_dir: Path, selection: "Selection"
) -> int:
    from wmh_keras.prediction.bids_selection import check_is_raw_bids
    from wmh_keras.prediction.planning import Scans
    from wmh_keras.prediction.request import plan, predict

    check_is_raw_bids(bids_dir)
    scans = Scans(
        input_path=bids_dir,
        output_dir=Path(flag_values.output_dir),
        overwrite=flag_values.overwrite,
        selection=selection,
        summarize=False,
    )
    request = request_from(flag_values, scans)
    planned = plan(request)
    print("\n".join(planned.describe()), flush=True)
    result = predict(request, planned)
    print("\n".join(result.describe()))
    return EXIT_OK if result.is_complete else EXIT_FAILED


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the program; `argv` is like `sys.argv`."""
    name, *arguments = sys.argv if argv is None else argv
    return run_program(
        name="wmh-bids-app",
        description=__doc__,
        define_flags=define_flags,
        main=main,
        argv=[name, *to_flags(arguments)],
        positional=_POSITIONAL,
        version_details=describe_chosen_models,
    )


if __name__ == "__main__":
    sys.exit(cli())
