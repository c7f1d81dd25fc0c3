import dataclasses

import pytest

from data_prep.errors import UserError
from wmh_keras.datasets import read_subjects
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.subjects import (
    choose_records,
    data_fingerprint,
)


def ids(records):
    return [record.subject_id for record in records]


@pytest.fixture
def write_list(tmp_path):
    def write(name, *lines):
        path = tmp_path / name
        path.write_text("\n".join(lines))
        return str(path)

    return write


def test_splits_are_the_default(small_data):
    training, validation = choose_records(small_data, TrainingConfig())
    assert ids(training) == ["a", "b", "c"]
    assert ids(validation) == ["d", "e"]


def test_lists_choose_whatever_split_stores_the_subjects(
    small_data, write_list
):
    config = TrainingConfig(
        train_subjects=write_list("fit.txt", "f", "", "sub-d "),
        validation_subjects=write_list("val.txt", "a"),
    )
    training, validation = choose_records(small_data, config)
    assert sorted(ids(training)) == ["d", "f"]
    assert ids(validation) == ["a"]


def test_a_subject_in_both_is_refused(small_data, write_list):
    config = TrainingConfig(train_subjects=write_list("fit.txt", "a", "d"))
    with pytest.raises(UserError, match=r"1 subjects would be both.*: d;"):
        choose_records(small_data, config)
    config = TrainingConfig(train_split="train+validation")
    with pytest.raises(UserError, match="2 subjects would be both"):
        choose_records(small_data, config)


@pytest.mark.parametrize(
    "arguments", [{"train_split": "fit"}, {"validation_split": "fit"}]
)
def test_an_unknown_split_is_refused(small_data, arguments):
    with pytest.raises(UserError, match="fit"):
        choose_records(small_data, TrainingConfig(**arguments))


def test_unknown_subjects_are_named(small_data, write_list):
    config = TrainingConfig(train_subjects=write_list("fit.txt", "a", "zoe"))
    with pytest.raises(UserError, match="zoe"):
        choose_records(small_data, config)


def test_an_empty_or_missing_list_is_named(write_list, tmp_path):
    with pytest.raises(UserError, match=r"empty.txt: expected one subject"):
        read_subjects(write_list("empty.txt", " ", ""))
    with pytest.raises(UserError, match=r"none.txt: cannot be read"):
        read_subjects(str(tmp_path / "none.txt"))


def test_the_fingerprint_follows_the_choice_not_the_paths(
    small_data, write_list
):
    def fingerprint(config):
        return data_fingerprint(small_data, *choose_records(small_data, config))

    default = fingerprint(TrainingConfig())
    same = TrainingConfig(train_subjects=write_list("x.txt", "c", "b", "a"))
    assert fingerprint(same) == default
    fewer = TrainingConfig(train_subjects=write_list("y.txt", "c", "b"))
    assert fingerprint(fewer) != default


@pytest.mark.parametrize(
    ("empty", "purpose"), [("abc", "to fit"), ("de", "to validate on")]
)
def test_volumes_without_any_lesion_are_refused(small_data, empty, purpose):
    class Emptied:
        def select(self, split):
            return [
                dataclasses.replace(
                    record,
                    num_lesions=0 if record.subject_id in empty else 1,
                )
                for record in small_data.select(split)
            ]

    with pytest.raises(UserError, match=f"{purpose} has a lesion"):
        choose_records(Emptied(), TrainingConfig())
    empty = empty[1:]  # one with a lesion is enough
    assert choose_records(Emptied(), TrainingConfig())


def test_how_many_lesions_there_are_is_read(small_data):
    assert all(record.num_lesions > 0 for record in small_data.select())
