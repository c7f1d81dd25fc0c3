import dataclasses
import math
from pathlib import Path

import pytest

from data_prep.errors import UserError
from data_prep.size_classes import SIZE_CLASSES
from wmh_keras.evaluation.grade_proposals import propose_grades
from wmh_keras.evaluation.ratings import read_rating_study
from wmh_keras.evaluation.results import (
    ClassScores,
    EvaluationResults,
    PatientResult,
    PatientScores,
)
from wmh_keras.evaluation.volume_key import VolumeKey
from wmh_keras.metrics.pixel import PixelCounts


def volume(subject, session="", **classes):
    """Each class: reference, found, predicted, matched, Dice."""
    blank = {f.name: 0.0 for f in dataclasses.fields(ClassScores)}
    names = (
        "reference_lesions",
        "found_lesions",
        "predicted_lesions",
        "matched_lesions",
        "dice",
    )
    given = {
        name: dict(zip(names, classes.get(name, (0, 0, 0, 0, 1)), strict=True))
        for name in SIZE_CLASSES
    }
    scores = {f.name: 0.5 for f in dataclasses.fields(PatientScores)}
    return PatientResult(
        key=VolumeKey(subject, session),
        scores=PatientScores(**scores),
        counts=PixelCounts(1, 1, 1, 1),
        classes={n: ClassScores(**(blank | c)) for n, c in given.items()},
    )


def evaluation(*volumes):
    return EvaluationResults("unet", Path("runs/unet"), {}, volumes)


FOUR = evaluation(*(volume(f"01{i}") for i in range(4)))
RATERS = ("Ann", "Ben", "Cleo")
GRADES = {
    "010": (4, 4, 4),
    "011": (3, 4, 3),
    "012": (2, 3, 1),
    "013": (1, 1, 2),
}


def lines(grades=GRADES):
    return [
        f"{subject},{rater},{score}"
        for subject, row in grades.items()
        for rater, score in zip(RATERS, row, strict=True)
    ]


@pytest.fixture
def read(tmp_path):
    def read(rows, header="subject,rater,score", of=FOUR, **options):
        path = tmp_path / "ratings.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return read_rating_study(path, of, **options)

    return read


def test_all_is_read(read):
    study = read(lines())
    assert study.model == "unet"
    assert study.raters == RATERS
    assert study.subjects == ("010", "011", "012", "013")
    assert study.scores["012"] == {"Ann": 2, "Ben": 3, "Cleo": 1}
    assert study.median_grades == {"010": 4, "011": 3, "012": 2, "013": 1}
    assert study.warnings == ()
    assert study.agreement.n == 4
    assert study.agreement.exact == 0.25
    assert study.agreement.within_one == 0.75
    assert study.agreement.pair_exact["Ann", "Ben"] == 0.5


def test_what_the_grades_amount_to(read):
    study = read(lines())
    assert study.grade_counts()["Ben"] == {4: 2, 3: 1, 2: 0, 1: 1}
    assert study.median_counts() == {4: 1, 3: 1, 2: 1, 1: 1}
    assert study.acceptance_rate() == 0.5
    assert study.acceptance_rates() == {"Ann": 0.5, "Ben": 0.75, "Cleo": 0.5}


def test_the_paper_in_form(read):
    """37 + 47 of its 90 patients are acceptable, 84 and not 85."""
    grades = [4] * 37 + [3] * 47 + [2] * 4 + [1] * 2
    ids = [f"{i:03}" for i in range(90)]
    study = read(
        lines({s: (g, g, 1) for s, g in zip(ids, grades, strict=True)}),
        of=evaluation(*map(volume, ids)),
    )
    assert study.median_counts() == {4: 37, 3: 47, 2: 4, 1: 2}
    assert study.acceptance_rate() == pytest.approx(84 / 90)


def test_medians_half_way_between_two_raters(read):
    study = read(["010,Ann,3", "010,Ben,2", "011,Ann,3", "011,Ben,4"])
    assert study.median_grades == {"010": 2.5, "011": 3.5}
    assert study.median_counts() == {4: 0, 3.5: 1, 3: 0, 2.5: 1, 2: 0, 1: 0}
    assert study.acceptance_rate() == 0.5


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("column", ["subject", "subject_id", "Subject"])
def test_separators_and_names_of_columns(read, separator, column):
    study = read(
        [row.replace(",", separator) for row in lines()],
        header=separator.join([column, "rater", "score"]),
    )
    assert study.scores == read(lines()).scores


def test_ids_are_text_with_or_without_prefix(read):
    rows = [f"sub-{row}" for row in lines()]
    assert read(rows).scores == read(lines()).scores
    with pytest.raises(UserError, match=r"line 2: subject 13 .*is 013 meant"):
        read(["13,Ann,4"], of=evaluation(volume("013")))


def test_one_rater(read):
    study = read([f"{subject},Ann,3" for subject in GRADES])
    assert study.agreement.n == 4
    assert math.isnan(study.agreement.kendall_w)
    assert math.isnan(study.agreement.exact)
    assert study.acceptance_rate() == 1


@pytest.mark.parametrize("score", ["0", "5", "3.0", "-1", "good", "²", "1e0"])
@pytest.mark.parametrize("skip_invalid", [False, True])
def test_scores_outside_are_always_errors(read, score, skip_invalid):
    rows = lines()
    rows[4] = f"011,Ben,{score}"
    with pytest.raises(UserError) as caught:
        read(rows, skip_invalid=skip_invalid)
    assert f"line 6: expected a score of 1, 2, 3 or 4, received '{score}'" in (
        str(caught.value)
    )
    assert "skipped" not in str(caught.value)


@pytest.mark.parametrize("skip_invalid", [False, True])
def test_a_patient_twice_is_always_an_error(read, skip_invalid):
    with pytest.raises(UserError, match=r"line 14: rater Ann .* 010 in line 2"):
        read([*lines(), "sub-010,Ann,4"], skip_invalid=skip_invalid)


@pytest.mark.parametrize("skip_invalid", [False, True])
def test_a_row_without_rater_or_patient_is_always_an_error(read, skip_invalid):
    with pytest.raises(UserError, match="line 14: no rater"):
        read([*lines(), "010,,4"], skip_invalid=skip_invalid)
    with pytest.raises(UserError, match="line 14: no subject"):
        read([*lines(), ",Ann,4"], skip_invalid=skip_invalid)


def test_all_problems_at_once(read):
    rows = [*lines()[:-1], "010,Ann,4", "012,Dora,7", "nobody,Ben,2"]
    with pytest.raises(UserError) as caught:
        read(rows)
    text = str(caught.value)
    assert "line 13: rater Ann graded subject 010 in line 2 already" in text
    assert "line 14: expected a score of 1, 2, 3 or 4, received '7'" in text
    assert "line 15: subject nobody is not in the evaluation" in text
    assert "rater Cleo skipped 1 of 4 rated patients: 013" in text
    assert "rater Dora skipped 3 of 4 rated patients: 010, 011, 013" in text
    assert "--skip_invalid" not in text


def test_a_rater_who_skipped_patients(read):
    rows = [row for row in lines() if row != "012,Ben,3"]
    with pytest.raises(
        UserError, match=r"rater Ben skipped 1 .*: 012"
    ) as error:
        read(rows)
    assert "--skip_invalid" in str(error.value)
    study = read(rows, skip_invalid=True)
    assert study.warnings == (
        "ratings.csv: rater Ben skipped 1 of 4 rated patients: 012",
        "ratings.csv: agreement is over the 3 of 4 patients whom every rater "
        "graded",
    )
    assert study.agreement.n == 3
    assert study.median_grades["012"] == 1.5
    assert study.acceptance_rates()["Ben"] == pytest.approx(2 / 3)


def test_an_empty_score_is_a_skipped_patient(read):
    rows = ["012,Ben,n/a" if row == "012,Ben,3" else row for row in lines()]
    with pytest.raises(UserError, match=r"Ben skipped .*: 012 \(line 9\)"):
        read(rows)
    assert read(rows, skip_invalid=True).agreement.n == 3


def test_a_rater_who_gave_no_score_at_all(read):
    rows = [*lines(), "010,Dora,", "nobody,Emil,4"]
    study = read(rows, skip_invalid=True)
    assert study.raters == RATERS
    assert study.agreement.n == 4
    assert any("Dora skipped 4 of 4" in text for text in study.warnings)
    assert any("Emil skipped 4 of 4" in text for text in study.warnings)
    assert any("subject nobody" in text for text in study.warnings)


def test_patients_whom_nobody_rated(read):
    study = read(lines({"010": (4, 4, 4), "012": (2, 3, 1)}))
    assert study.subjects == ("010", "012")
    assert study.warnings == (
        "ratings.csv: 2 of 4 patients were rated by nobody: 011, 013",
    )
    assert list(study.proposals) == list(FOUR.subjects)


def test_further_columns_are_told_of(read):
    study = read(
        [f"{row},fine" for row in lines()], "subject,rater,score,comment"
    )
    assert study.warnings == ("ratings.csv: not used: the columns comment",)


def test_ratings_are_of_patients(read):
    with pytest.raises(UserError, match=r"line 2: .* received a session"):
        read(["010,2,Ann,4"], "subject,session,rater,score")
    study = read(["010,,Ann,4"], "subject,session,rater,score")
    assert study.scores == {"010": {"Ann": 4}}


def test_tables_that_are_none(read, tmp_path):
    with pytest.raises(UserError, match="there is no rater and no score"):
        read(["010,4"], "subject,grade")
    with pytest.raises(UserError, match="received none"):
        read([])
    with pytest.raises(UserError, match="column subject is there twice"):
        read(["010,010,Ann,4"], "subject,subject_id,rater,score")
    with pytest.raises(UserError, match="has a score"):
        read(["010,Ann,"], skip_invalid=True)
    with pytest.raises(UserError, match="cannot be read"):
        read_rating_study(tmp_path / "none.csv", FOUR)


def test_proposals_add_up_the_volumes_of_a_patient():
    """3 and 2 missed of 10 each; 1 of 20 and 2 of 10 predicted are false."""
    rated = evaluation(
        volume("a", "1", small=(10, 7, 20, 19, 0.9)),
        volume("a", "2", small=(10, 8, 10, 8, 0.7)),
        volume("b", medium=(2, 2, 2, 2, 1.0)),
    )
    grades = propose_grades(rated)
    assert list(grades) == ["a", "b"]
    assert grades["a"].missed == {"small": 5, "medium": 0, "large": 0}
    assert grades["a"].reference["small"] == 20
    assert grades["a"].false["small"] == 3
    assert grades["a"].mismatch["small"] == pytest.approx(0.1)
    assert math.isnan(grades["a"].mismatch["large"])
    assert grades["a"].grade == 2
    assert "5 of 20 small missed" in grades["a"].reason
    assert grades["b"].grade == 4


def test_mismatch_by_dice(read):
    rated = evaluation(
        volume("a", "1", small=(4, 4, 4, 4, 0.94)),
        volume("a", "2", small=(4, 4, 4, 4, 0.92)),
        volume("a", "3"),
    )
    proposal = read(["a,Ann,4"], of=rated, mismatch_by="dice").proposals["a"]
    assert proposal.mismatch["small"] == pytest.approx(0.07)
    assert proposal.grade == 3
    assert propose_grades(rated)["a"].grade == 4
    with pytest.raises(ValueError, match="lesions, dice"):
        propose_grades(rated, mismatch_by="voxels")


def test_one_false_of_ten_is_not_below_ten_percent():
    """1 - 9 / 10 is, in binary."""
    rated = evaluation(volume("a", small=(9, 9, 10, 9, 1.0)))
    assert propose_grades(rated)["a"].grade == 2
