import dataclasses

import pytest

from data_prep.errors import UserError
from wmh_keras.comparison.fold_lists import (
    check_lists,
    list_of,
    make_folds,
    write_lists,
)
from wmh_keras.comparison.request import CrossValidation
from wmh_keras.datasets import open_prepared_data, read_subjects
from wmh_keras.evaluation.fold_models import FIT_ONLY_FILE


@pytest.fixture
def data(data_dir):
    return open_prepared_data(data_dir)


@pytest.mark.parametrize("num_folds", [2, 3, 6])
def test_each_subject_is_left_out_once_and_never_in_its_own_lists(
    data, num_folds
):
    folds = make_folds(data, CrossValidation(num_folds))
    left_out = [subject for fold in folds for subject in fold.test]
    # Of a, both sessions; of the external set, nobody.
    assert sorted(left_out) == ["a", "b", "c", "d", "e", "f"]
    for fold in folds:
        parts = (*fold.train, *fold.validation, *fold.test)
        assert sorted(parts) == ["a", "b", "c", "d", "e", "f"]
        assert fold.train
        assert fold.validation


def test_sessions_of_a_subject_stay_together(data):
    for fold in make_folds(data, CrossValidation(3)):
        chosen = data.select(subjects=fold.test)
        sessions = [r.session for r in chosen if r.subject_id == "a"]
        assert sessions in ([], ["1", "2"])


def test_sites_as_folds(data):
    choice = CrossValidation(0, splits="train+validation+test+external")
    folds = make_folds(data, choice)
    assert [(fold.site, fold.test) for fold in folds] == [
        ("north", ("a", "b", "e")),
        ("south", ("c", "d", "f")),
        ("west", ("g",)),
    ]


def test_the_seed_decides(data):
    choice = CrossValidation(3)
    assert make_folds(data, choice) == make_folds(data, choice)
    others = [
        make_folds(data, dataclasses.replace(choice, seed=seed))
        for seed in range(1, 5)
    ]
    assert any(folds != make_folds(data, choice) for folds in others)


def test_one_site_or_an_unknown_split_is_refused(data):
    with pytest.raises(UserError, match="two sites, found west"):
        make_folds(data, CrossValidation(0, splits="external"))
    with pytest.raises(UserError, match="'nowhere'"):
        make_folds(data, CrossValidation(2, splits="nowhere"))
    with pytest.raises(UserError, match="from 2 to 6"):
        make_folds(data, CrossValidation(7))


def test_lists_of_other_folds_are_refused(data, tmp_path):
    folds = make_folds(data, CrossValidation(3))
    check_lists(tmp_path, folds)
    write_lists(tmp_path, folds)
    check_lists(tmp_path, folds)
    for fold in folds:
        path = list_of(tmp_path, fold, "test")
        assert tuple(read_subjects(path)) == fold.test
    with pytest.raises(UserError, match="is of other folds"):
        check_lists(tmp_path, make_folds(data, CrossValidation(2)))


def test_who_is_only_fitted_changes_nothing_for_the_others(data_dirs, data):
    """The folds are those of a data set without them, who are fitted too."""
    without = CrossValidation(2, validation_fraction=0.4)
    folds = make_folds(open_prepared_data(data_dirs["fewer"]), without)
    choice = dataclasses.replace(without, fit_only=("f",))
    assert make_folds(data, choice) == tuple(
        dataclasses.replace(fold, train=tuple(sorted((*fold.train, "f"))))
        for fold in folds
    )


def test_who_is_only_fitted_makes_no_site_and_may_be_of_any_split(data):
    # g is the only one of its site, and of a set that takes no part.
    choice = CrossValidation(0, validation_fraction=0.4, fit_only=("b", "g"))
    folds = make_folds(data, choice)
    assert [(fold.site, fold.test) for fold in folds] == [
        ("north", ("a", "e")),
        ("south", ("c", "d", "f")),
    ]
    for fold in folds:
        assert {"b", "g"} < set(fold.train)
        assert not {"b", "g"} & set(fold.validation)


@pytest.mark.parametrize("num_folds", [0, 2])
def test_somebody_is_left_to_test_on(data, num_folds):
    everybody = tuple("abcdef")
    with pytest.raises(UserError, match="found all of them in the list"):
        make_folds(data, CrossValidation(num_folds, fit_only=everybody))
    with pytest.raises(UserError, match="from 2 to 1"):
        make_folds(data, CrossValidation(2, fit_only=everybody[1:]))


def test_unknown_subjects_to_fit_are_refused(data):
    choice = CrossValidation(2, fit_only=("a", "y", "x"))
    with pytest.raises(UserError, match="none of 2 of them there: x, y"):
        make_folds(data, choice)


@pytest.mark.parametrize("others", [(), ("f",), ("b", "f"), ("g",)])
def test_another_list_of_subjects_to_fit_is_refused(data, tmp_path, others):
    choice = CrossValidation(2, validation_fraction=0.4, fit_only=("b",))
    write_lists(tmp_path, make_folds(data, choice))
    check_lists(tmp_path, make_folds(data, choice))
    assert (tmp_path / FIT_ONLY_FILE).read_text() == "b\n"
    other = make_folds(data, dataclasses.replace(choice, fit_only=others))
    with pytest.raises(UserError, match="--fit_only_subjects"):
        check_lists(tmp_path, other)


def test_without_subjects_to_fit_there_is_no_list_of_them(data, tmp_path):
    choice = CrossValidation(2, validation_fraction=0.4)
    write_lists(tmp_path, make_folds(data, choice))
    assert not (tmp_path / FIT_ONLY_FILE).exists()
    choice = dataclasses.replace(choice, fit_only=("b",))
    with pytest.raises(UserError, match="--fit_only_subjects"):
        check_lists(tmp_path, make_folds(data, choice))
