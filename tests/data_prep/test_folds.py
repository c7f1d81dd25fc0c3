import collections

import pytest

from data_prep.errors import UserError
from data_prep.folds import assign_folds, hold_out, leave_one_site_out

SITES = {f"{site}{i}": site for site in "ab" for i in range(10)} | {
    f"c{i}": "c" for i in range(3)
}


@pytest.mark.parametrize("num_folds", [2, 3, 5, 23])
def test_every_subject_is_in_one_fold_and_folds_are_even(num_folds):
    folds = assign_folds(SITES, num_folds)
    assert sorted(s for fold in folds for s in fold) == sorted(SITES)
    sizes = [len(fold) for fold in folds]
    assert len(sizes) == num_folds
    assert max(sizes) - min(sizes) <= 1
    for site in "abc":
        shares = [sum(SITES[s] == site for s in fold) for fold in folds]
        assert max(shares) - min(shares) <= 1


def test_folds_depend_on_the_seed_and_not_on_the_order():
    backwards = dict(reversed(SITES.items()))
    assert assign_folds(backwards, 4, 3) == assign_folds(SITES, 4, 3)
    assert assign_folds(SITES, 4, 4) != assign_folds(SITES, 4, 3)


@pytest.mark.parametrize("num_folds", [1, 24])
def test_too_many_or_too_few_folds_are_refused(num_folds):
    with pytest.raises(UserError, match="from 2 to 23"):
        assign_folds(SITES, num_folds)


def test_a_fold_for_each_site():
    sites_of = {subject: {site} for subject, site in SITES.items()}
    folds = leave_one_site_out(sites_of)
    assert list(folds) == ["a", "b", "c"]
    assert folds["c"] == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    ("sites_of", "message"),
    [
        ({"x": {"a"}, "y": {"a"}}, "two sites, found a for 2 subjects"),
        ({"x": {""}, "y": {""}}, "two sites, found none for 2 subjects"),
        ({"x": {"a"}, "y": {"b"}, "z": {""}}, "1 have no site: z"),
        ({"x": {"a", "b"}, "y": {"b"}}, "1 were scanned at several sites: x"),
    ],
)
def test_sites_that_make_no_folds_are_refused(sites_of, message):
    with pytest.raises(UserError, match=message):
        leave_one_site_out(sites_of)


def test_some_of_each_site_are_held_out():
    fitted, validated = hold_out(SITES, 0.2, "0 fold_1")
    assert sorted(fitted + validated) == sorted(SITES)
    counts = collections.Counter(SITES[s] for s in validated)
    assert counts["a"] == counts["b"] == 2
    assert len(validated) == 5  # 0.2 of 23 subjects, rounded
    other = hold_out(SITES, 0.2, "0 fold_2")
    assert other[1] != validated


def test_one_is_held_out_however_small_the_share():
    assert len(hold_out(dict.fromkeys("abc", "s"), 0.01, 0)[1]) == 1


def test_too_few_to_fit_and_validate_are_refused():
    with pytest.raises(UserError, match="received 1 subjects"):
        hold_out({"a": "s"}, 0.5, 0)
