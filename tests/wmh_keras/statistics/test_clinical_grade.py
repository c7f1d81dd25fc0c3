import math

import pytest

from wmh_keras.statistics.clinical_grade import (
    CLASSES,
    GRADES,
    ClassFindings,
    propose_grade,
)

NAN = math.nan
ABSENT = (0, 0, 0, NAN)


def propose(small=ABSENT, medium=ABSENT, large=ABSENT):
    """Each class: reference, missed, false, mismatch."""
    return propose_grade(
        dict(
            zip(
                CLASSES,
                (ClassFindings(*c) for c in (small, medium, large)),
                strict=True,
            )
        )
    )


# (name, small, medium, large, grade)
CASES = [
    ("nothing missed, nothing false", (5, 0, 0, 0), (5, 0, 0, 0), ABSENT, 4),
    ("4 ends at 5 %", (19, 0, 1, 0.05), ABSENT, ABSENT, 3),
    ("just below 5 %", (20, 0, 1, 0.0476), ABSENT, ABSENT, 4),
    ("one missed is not 4", (9, 1, 0, 0), ABSENT, ABSENT, 3),
    # The paper's "1 to 4 missed" small lesions.
    ("none missed can be 3", (9, 0, 1, 0.09), ABSENT, ABSENT, 3),
    ("4 small missed", (9, 4, 0, 0), (3, 0, 0, 0), ABSENT, 3),
    ("5 small missed", (9, 5, 0, 0), (3, 0, 0, 0), ABSENT, 2),
    ("small mismatch of 10 %", (9, 1, 1, 0.1), ABSENT, ABSENT, 2),
    # Medium: fewer than 2 is 3, more than 2 is 2: 2 is in no rule.
    ("1 medium missed", (3, 0, 0, 0), (6, 1, 0, 0), ABSENT, 3),
    ("2 medium missed", (3, 0, 0, 0), (6, 2, 0, 0), ABSENT, 2),
    ("3 medium missed", (3, 0, 0, 0), (6, 3, 0, 0), ABSENT, 2),
    ("medium mismatch of 5 %", ABSENT, (19, 1, 1, 0.05), ABSENT, 2),
    # Large: 3 has no limit of mismatch.
    ("large mismatch alone", ABSENT, (1, 0, 0, 0), (3, 0, 2, 0.4), 3),
    ("1 large missed", (3, 0, 0, 0), ABSENT, (5, 1, 0, 0), 2),
    # 1 is tried before 3 and 2, with its limits beyond theirs.
    ("9 small, 51 %", (20, 9, 9, 0.51), ABSENT, ABSENT, 1),
    ("8 small, 51 %", (20, 8, 9, 0.51), ABSENT, ABSENT, 2),
    ("9 small, 50 %", (20, 9, 9, 0.5), ABSENT, ABSENT, 2),
    ("3 medium missed, no other class", ABSENT, (6, 3, 0, 0), ABSENT, 1),
    ("2 medium missed, no other class", ABSENT, (6, 2, 0, 0), ABSENT, 2),
    ("large, 40 % and 40 %", ABSENT, ABSENT, (10, 4, 4, 0.4), 1),
    ("large, 30 % missed", ABSENT, ABSENT, (10, 3, 4, 0.4), 2),
    ("large, 30 % mismatch", ABSENT, ABSENT, (10, 4, 4, 0.3), 2),
    ("1 needs every class", (20, 20, 9, 1), (9, 9, 9, 1), (5, 0, 0, 0), 2),
    ("every class fails", (20, 9, 9, 0.6), (9, 3, 9, 1), (5, 2, 3, 0.5), 1),
    # Nothing predicted in a class: its mismatch has no say.
    ("found by a lesion of another size", (1, 0, 0, NAN), ABSENT, ABSENT, 4),
    ("few missed, none predicted", (4, 4, 0, NAN), ABSENT, ABSENT, 3),
    (
        "an empty prediction",
        (12, 12, 0, NAN),
        (5, 5, 0, NAN),
        (2, 2, 0, NAN),
        1,
    ),
    ("the only large one missed", ABSENT, ABSENT, (1, 1, 0, NAN), 1),
    # Classes without a reference lesion have no say.
    ("false, of an absent class", (0, 0, 7, 1), (4, 0, 0, 0), ABSENT, 4),
    ("absent does not save from 1", (0, 0, 7, 1), (6, 3, 0, 0), ABSENT, 1),
    # No reference lesion at all.
    ("no lesion anywhere", ABSENT, ABSENT, ABSENT, 4),
    ("one false lesion", (0, 0, 1, 1), ABSENT, ABSENT, 2),
    ("many false lesions", (0, 0, 9, 1), (0, 0, 9, 1), (0, 0, 9, 1), 2),
]


@pytest.mark.parametrize(
    ("small", "medium", "large", "grade"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_table(small, medium, large, grade):
    assert propose(small, medium, large).grade == grade


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({"medium": (6, 2, 0, 0)}, "2 of 6 medium missed (at most 1)"),
        ({"small": (9, 1, 0, 0)}, "not 4: 1 of 9 small missed (at most 0)"),
        (
            {"small": (9, 0, 3, 0.25)},
            "not 3: small mismatch 25.0 % (below 10 %)",
        ),
        (
            {"medium": (6, 3, 0, NAN)},
            "every class fails: medium 3 of 6 missed, nothing predicted",
        ),
        ({"small": (0, 0, 1, 1)}, "no reference lesion, 1 lesion is false"),
        (
            {"small": (0, 0, 7, 1), "large": (4, 0, 0, 0)},
            "not judged: false lesions of absent classes, 7 small",
        ),
        ({}, "no reference lesion, no false lesion"),
    ],
)
def test_reason_in_words(classes, words):
    assert words in propose(**classes).reason


def test_worse_is_never_graded_better():
    """More missed lesions, or more false ones, never raise the grade."""
    shares = (0, 0.04, 0.08, 0.2, 0.4, 0.6, 1)
    for share in shares:
        grades = [propose((20, m, 1, share)).grade for m in range(21)]
        assert grades == sorted(grades, reverse=True)
    for missed in range(21):
        grades = [propose((20, missed, 1, s)).grade for s in shares]
        assert grades == sorted(grades, reverse=True)


def test_every_grade_has_its_words():
    assert sorted(GRADES) == [1, 2, 3, 4]
    assert GRADES[4] == "perfectly acceptable"


@pytest.mark.parametrize(
    "findings", [(1, 2, 0, 0), (1, -1, 0, 0), (1, 0, -1, 0), (1, 0, 0, 1.5)]
)
def test_findings_that_cannot_be(findings):
    with pytest.raises(ValueError, match="expected"):
        ClassFindings(*findings)


def test_classes_are_complete():
    with pytest.raises(ValueError, match="small, medium, large"):
        propose_grade({"small": ClassFindings(*ABSENT)})
