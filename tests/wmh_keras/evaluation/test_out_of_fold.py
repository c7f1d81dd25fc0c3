"""Which model is for whom, and what keeps models from being one evaluation."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_prep.errors import UserError
from data_prep.preprocess import PreprocessConfig
from data_prep.subject_digest import subject_digest
from wmh_keras.evaluation import out_of_fold
from wmh_keras.evaluation.fold_models import (
    FoldModel,
    read_fold_models,
    write_fold_models,
)
from wmh_keras.evaluation.out_of_fold import (
    describe_out_of_fold,
    fold_settings,
)
from wmh_keras.evaluation.request import OutOfFoldRequest
from wmh_keras.inference.ensemble import MaskSettings
from wmh_keras.model_info import ModelInfo


@pytest.mark.parametrize(
    "settings",
    [(None, None), (MaskSettings(0.35, 3.0), MaskSettings(0.5, 0.0))],
)
def test_a_table_is_read_as_it_was_written(tmp_path, settings):
    table = tmp_path / "folds/models.csv"
    models = [
        FoldModel(name, tmp_path / "runs" / name, subjects, own)
        for name, subjects, own in zip(
            ("fold_1", "fold_2"), (("a", "c"), ("b",)), settings, strict=True
        )
    ]
    write_fold_models(table, models)
    found = [
        dataclasses.replace(m, model=m.model.resolve())
        for m in read_fold_models(table)
    ]
    assert found == models
    assert ("threshold" in table.read_text()) == bool(settings[0])


def test_models_of_one_name_are_called_by_their_path(tmp_path):
    table = tmp_path / "models.csv"
    table.write_text(
        "subject_id,model,site\nsub-a,x/run,n\nb,y/run,n\nc,x/run,n\n"
    )
    assert read_fold_models(table) == (
        FoldModel("x/run", tmp_path / "x/run", ("a", "c")),
        FoldModel("y/run", tmp_path / "y/run", ("b",)),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject_id,model\n", "a line for each subject, found none"),
        ("subject_id,path\na,m\n", "line 2: .* found no model"),
        ("subject_id,model\na,\n", "line 2: .* found no model"),
        ("subject_id,model\na,m\nsub-a,n\n", "line 3: .* a has two"),
        (
            "subject_id,model,threshold\na,m,0.5\n",
            "line 2: .* threshold and min_lesion_mm3, or neither",
        ),
        (
            "subject_id,model,threshold,min_lesion_mm3\na,m,0.5,\n",
            "line 2: expected numbers",
        ),
        (
            "subject_id,model,threshold,min_lesion_mm3\na,m,0.5,3\nb,m,0.4,3\n",
            "line 3: expected the threshold .* of m before",
        ),
    ],
)
def test_damaged_tables_are_refused(tmp_path, text, message):
    table = tmp_path / "models.csv"
    table.write_text(text)
    with pytest.raises(UserError, match=message):
        read_fold_models(table)


class Data:
    identity = "of the data"
    data_dir = Path("data")

    def select(self, subjects="abcd"):
        return [SimpleNamespace(subject_id=subject) for subject in subjects]

    def check_channels(self, channels):
        assert channels == ("flair",)


@pytest.fixture
def describe(tmp_path, monkeypatch):
    """Describes two folds whose models differ in what is given."""
    monkeypatch.setattr(out_of_fold, "open_prepared_data", lambda _: Data())
    table = tmp_path / "models.csv"
    table.write_text("subject_id,model\na,one\nb,two\n")
    infos = {
        "one": ModelInfo(
            network="unet",
            network_arguments={"filters": [2]},
            preprocess=PreprocessConfig(side=32),
            seen_subjects=(subject_digest("b"),),
            files={"member_0.weights.h5": "1"},
            data_identity=Data.identity,
        ),
    }
    infos["two"] = dataclasses.replace(
        infos["one"],
        seen_subjects=(subject_digest("a"),),
        files={"member_0.weights.h5": "2"},
    )

    def describe_with(request=(), function=describe_out_of_fold, **second):
        second = dataclasses.replace(infos["two"], **second)
        models = {**infos, "two": second}
        return function(
            OutOfFoldRequest(Path("data"), table, **dict(request)),
            lambda path: models[path.name],
            seed=4,
        )

    return describe_with


def test_the_description_knows_every_model(describe):
    found = describe()
    assert found["kind"] == "out_of_fold"
    assert found["subjects"] == ["a", "b"]
    assert [fold["subjects"] for fold in found["folds"]] == [["a"], ["b"]]
    assert found != describe(files={"member_0.weights.h5": "3"})
    assert found["threshold"] == 0.5
    assert found["seed"] == 4


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"threshold": 0.4}, "expected threshold 0.5 .* --threshold"),
        ({"min_lesion_mm3": 3.0}, "expected min_lesion_mm3 0.0 .* --min_les"),
        ({"network": "other"}, "of one recipe"),
        ({"preprocess": PreprocessConfig(side=64)}, "expected preprocess"),
        (
            {"seen_subjects": (subject_digest("b"),)},
            r"trained or validated on .*\n  .*two: b\n",
        ),
    ],
)
def test_models_that_make_no_evaluation_are_refused(describe, second, message):
    with pytest.raises(UserError, match=message):
        describe(**second)


def test_folds_may_have_data_of_their_own_and_it_is_said(describe):
    same, other = (
        describe(function=out_of_fold._check, data_identity=identity).warnings
        for identity in (Data.identity, "labels of this fold")
    )
    assert same == ()
    (warning,) = other
    assert "1 of 2 models were trained on other data sets" in warning
    assert "two is the first" in warning
    common = describe()
    assert common["model"]["data_identity"] == Data.identity
    assert all("data_identity" not in fold for fold in common["folds"])
    found = describe(data_identity="labels of this fold")
    assert "data_identity" not in found["model"]
    assert [fold["data_identity"] for fold in found["folds"]] == [
        Data.identity,
        "labels of this fold",
    ]


def test_a_setting_for_all_makes_them_agree(describe):
    given = {"threshold": 0.3, "min_lesion_mm3": 2.0}
    found = describe(given, threshold=0.4, min_lesion_mm3=3.0)
    assert found["threshold"] == 0.3
    assert found["rules"]["min_lesion_mm3"] == 2.0


OWN = "subject_id,model,threshold,min_lesion_mm3\na,one,0.3,5\nb,two,0.45,0\n"


def test_each_model_may_have_settings_of_its_own(describe, tmp_path):
    before = describe()
    (tmp_path / "models.csv").write_text(OWN)
    # Whatever the models themselves say.
    found = describe(threshold=0.7, min_lesion_mm3=1.0)
    assert found["threshold"] is None
    assert found["rules"]["min_lesion_mm3"] == 0
    assert fold_settings(found) == {
        "one": MaskSettings(0.3, 5.0),
        "two": MaskSettings(0.45, 0.0),
    }
    assert fold_settings(before) == dict.fromkeys(
        ("one", "two"), MaskSettings(0.5, 0.0)
    )
    assert "threshold" not in before["folds"][0]


@pytest.mark.parametrize("name", ["threshold", "min_lesion_mm3"])
def test_settings_are_given_once(describe, tmp_path, name):
    (tmp_path / "models.csv").write_text(OWN)
    with pytest.raises(UserError, match=f"own; leave --{name} out"):
        describe({name: 0.5})


def test_settings_out_of_range_are_refused(describe, tmp_path):
    (tmp_path / "models.csv").write_text(OWN.replace("0.45", "1.45"))
    with pytest.raises(UserError, match="threshold: expected above 0"):
        describe()
