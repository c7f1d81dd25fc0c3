import collections
import itertools
import random
import subprocess
import sys

import pytest

from data_prep.cases.case import Case
from data_prep.errors import UserError
from data_prep.splits import (
    DEFAULT_FRACTIONS,
    assign_splits,
    parse_external_sites,
    read_splits,
    split_of,
    write_splits,
)


def case(subject, site="", split=None, mask="m.nii", **arguments):
    return Case(
        subject_id=subject,
        images=(("flair", "f.nii"),),
        site=site,
        split=split,
        mask=mask,
        **arguments,
    )


def cohort(**sizes):
    return [
        case(f"{site}{index}", site)
        for site, size in sizes.items()
        for index in range(size)
    ]


def count(splits):
    return dict(collections.Counter(splits.values()))


def test_the_papers_numbers():
    cases = cohort(a=600, b=301, c=200, d=55)
    for seed in range(3):
        splits = assign_splits(cases, seed=seed)
        expected = {"train": 870, "validation": 126, "test": 160}
        assert count(splits) == expected
        for site, size in (("a", 600), ("b", 301), ("c", 200), ("d", 55)):
            inside = count(
                {s: n for s, n in splits.items() if s.startswith(site)}
            )
            for name, fraction in zip(expected, DEFAULT_FRACTIONS, strict=True):
                assert abs(inside[name] - size * fraction) < 2


def test_order_does_not_matter_but_the_seed_does():
    cases = cohort(a=40, b=25)
    expected = assign_splits(cases, seed=3)
    shuffled = cases.copy()
    random.Random(0).shuffle(shuffled)
    assert assign_splits(shuffled, seed=3) == expected
    assert list(assign_splits(shuffled, seed=3)) == sorted(expected)
    assert assign_splits(cases, seed=4) != expected


def test_another_process_with_another_hash_seed_agrees(repository):
    code = (
        "from data_prep.cases.case import Case\n"
        "from data_prep.splits import assign_splits\n"
        "cases = [Case(str(i), (('flair', 'f'),), site=str(i % 3), mask='m')"
        " for i in range(50)]\n"
        "print(sorted(assign_splits(cases, seed=5).items()))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(repository)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("size", range(3, 30))
def test_a_small_cohort_has_all_three(size):
    counts = count(assign_splits(cohort(a=size), seed=1))
    assert set(counts) == {"train", "validation", "test"}
    assert sum(counts.values()) == size
    assert counts["train"] == max(counts.values())


@pytest.mark.parametrize(("size", "expected"), [(0, {}), (1, 1), (2, 2)])
def test_tiny_cohorts_go_to_training(size, expected):
    counts = count(assign_splits(cohort(a=size)))
    assert counts == (expected and {"train": expected})


def test_many_sites_of_one_subject_still_add_up():
    sizes = {f"s{index}_": 1 for index in range(40)}
    counts = count(assign_splits(cohort(**sizes), seed=2))
    assert counts == {"train": 30, "validation": 4, "test": 6}


@pytest.mark.parametrize("fractions", [(1, 0, 0), (0.5, 0.5, 0), (0, 0, 1)])
def test_a_fraction_of_zero_gives_no_subject(fractions):
    counts = count(assign_splits(cohort(a=20), fractions=fractions))
    names = ("train", "validation", "test")
    for name, fraction in zip(names, fractions, strict=True):
        assert counts.get(name, 0) == 20 * fraction


@pytest.mark.parametrize(
    "fractions",
    [(0.5, 0.5), (0.5, 0.6, -0.1), (0.5, 0.5, 0.5), (float("nan"), 0.5, 0.5)],
)
def test_bad_fractions(fractions):
    with pytest.raises(UserError, match="sum to 1"):
        assign_splits(cohort(a=5), fractions=fractions)


def test_a_subject_stays_together():
    cases = [
        case(f"{subject}", "a", session=str(session))
        for subject, session in itertools.product(range(20), (1, 2, 3))
    ]
    splits = assign_splits(cases, seed=1)
    assert len(splits) == 20
    assert count(splits) == {"train": 15, "validation": 2, "test": 3}


def test_volumes_without_a_mask_are_unlabelled():
    cases = [
        *cohort(a=6),
        case("x", "a", mask=None),
        case("a0", "a", mask=None, session="2"),
        case("gone", "a", exclude_reason="motion"),
    ]
    splits = assign_splits(cases)
    assert splits["x"] == "unlabelled"
    assert splits["a0"] in ("train", "validation", "test")
    assert "gone" not in splits
    assert split_of(cases[-2], splits) == "unlabelled"
    assert split_of(cases[0], splits) == splits["a0"]
    # They take no share of the others' splits.
    assert {k: v for k, v in splits.items() if k != "x"} == assign_splits(
        cohort(a=6)
    )


def test_whole_sites_are_external():
    cases = cohort(a=10, b=4, c=3)
    splits = assign_splits(cases, external_sites={"far": ["b"], "away": ["c"]})
    counts = count(splits)
    assert counts["far"] == 4
    assert counts["away"] == 3
    assert splits["b0"] == "far"
    assert counts["train"] + counts["validation"] + counts["test"] == 10
    everywhere = {"external": ["a", "b", "c"]}
    assert count(assign_splits(cases, external_sites=everywhere)) == {
        "external": 17
    }


@pytest.mark.parametrize(
    ("external", "message"),
    [
        ({"far": ["x"]}, "x.*the sites are a, b"),
        ({"far": ["a"], "off": ["a"]}, "more than once"),
        ({"train": ["a"]}, "reserved"),
        ({"unlabelled": ["a"]}, "unlabelled"),
        ({"Far Away": ["a"]}, "lower-case"),
    ],
)
def test_bad_external_sites(external, message):
    with pytest.raises(UserError, match=message):
        assign_splits(cohort(a=3, b=3), external_sites=external)


def test_a_subject_of_two_sites_must_not_be_torn():
    cases = [*cohort(a=4, b=4), case("a0", "b", session="2")]
    with pytest.raises(UserError, match="subject a0"):
        assign_splits(cases, external_sites={"far": ["b"]})
    both = assign_splits(cases, external_sites={"far": ["a", "b"]})
    assert set(both.values()) == {"far"}


def test_the_inputs_own_splits_win():
    cases = [
        case("1", split="train"),
        case("2", split="validation"),
        case("3", split="london"),
        case("4", mask=None),
    ]
    expected = {"1": "train", "2": "validation", "3": "london"}
    assert assign_splits(cases, seed=9) == {**expected, "4": "unlabelled"}


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ([case("1", split="train"), case("2")], "1 have none: 2"),
        (
            [case("1", split="train"), case("1", split="test", session="2")],
            r"two for 1 \(test, train\)",
        ),
        ([case("1", split="val")], "expected 'validation'"),
        ([case("1", split="all")], "not 'all'"),
        ([case("1", split="a-b")], "lower-case"),
    ],
)
def test_bad_splits_in_the_input(cases, message):
    with pytest.raises(UserError, match=message):
        assign_splits(cases)


def test_own_splits_and_external_sites_contradict():
    with pytest.raises(UserError, match="both"):
        assign_splits(
            [case("1", "a", split="train")], external_sites={"far": ["a"]}
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("A", {"external": ("A",)}),
        ("A, B-1 ,C", {"external": ("A", "B-1", "C")}),
        ("ext1:A+B,ext2:C", {"ext1": ("A", "B"), "ext2": ("C",)}),
    ],
)
def test_text_of_the_flag(text, expected):
    assert parse_external_sites(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:A,B", "expected NAME:SITE"),
        ("a:A+", "expected NAME:SITE"),
        (":A", "lower-case"),
        ("a:A,a:B", "twice"),
        ("test:A", "reserved"),
        ("A,A", "more than once"),
    ],
)
def test_faulty_text_of_the_flag(text, message):
    with pytest.raises(UserError, match=message):
        parse_external_sites(text)


def test_splits_file(tmp_path):
    path = tmp_path / "splits.csv"
    write_splits(path, {"b": "test", "a": "train"})
    assert path.read_text() == "subject_id,split\na,train\nb,test\n"
    assert read_splits(path) == {"a": "train", "b": "test"}
    path.write_text("subject_id,split\na,train\na,test\n")
    with pytest.raises(UserError, match="two lines"):
        read_splits(path)
    path.write_text("subject,split\na,train\n")
    with pytest.raises(UserError, match="expected the columns"):
        read_splits(path)
