import pytest

from data_prep.errors import UsageError
from wmh_keras.prediction.bids_arguments import labels_from, to_flags


@pytest.mark.parametrize(
    ("written", "flags"),
    [
        ("/in /out group", "/in /out group"),
        (
            "/in /out participant --participant_label 01 02 --model M",
            "/in /out participant --participant_label=01 "
            "--participant_label=02 --model M",
        ),
        (
            "--participant-label 01 --session-label=1 --skip-bids-validator",
            "--participant_label=01 --session_label=1 --skip_bids_validator",
        ),
        # What stands behind "=" is all of it, and no hyphen of it is touched.
        (
            "--model=/a-b --session_label=1 x",
            "--model=/a-b --session_label=1 x",
        ),
        ("-v", "--version"),
        ("-h --min_lesion_mm3 -10", "-h --min_lesion_mm3 -10"),
    ],
)
def test_arguments_become_flags(written, flags):
    assert to_flags(written.split()) == flags.split()


@pytest.mark.parametrize(
    "written",
    [
        ["--participant_label"],
        ["--participant_label", "--model=M"],
        ["--participant_label", ""],
    ],
)
def test_announced_labels_that_do_not_come_are_not_everybody(written):
    assert to_flags(written)[0] == "--participant_label="
    with pytest.raises(UsageError, match="received an empty one"):
        labels_from([""], "participant_label", "sub-")


def test_labels():
    assert labels_from(["sub-01", "02,sub-03", "01"], "x", "sub-") == (
        "01",
        "02",
        "03",
    )
    assert labels_from([], "x", "sub-") == ()
