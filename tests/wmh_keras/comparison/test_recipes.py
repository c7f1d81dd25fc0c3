"""What is refused before anything is run."""

from pathlib import Path

import pytest

from data_prep.errors import UserError
from wmh_keras.comparison.planning import make_plan
from wmh_keras.comparison.request import ComparisonRequest, CrossValidation


@pytest.fixture
def plan_of(data_dir, tmp_path):
    """Plans recipes, given as name to text."""

    def plan(recipes, **given):
        paths = []
        for name, text in recipes.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            paths.append(str(path))
        request = {"data_dir": data_dir, "workdir": tmp_path / "work"} | given
        return make_plan(ComparisonRequest(recipes=tuple(paths), **request))

    return plan


def test_a_recipe_s_own_data_and_flags_for_all(plan_of, data_dirs):
    plan = plan_of(
        {"x.cfg": "--epochs=9", "y.cfg": f"--data_dir={data_dirs['raw']}"},
        train_flags=("--epochs=3", "--seed=2"),
    )
    first, second = (p.trainings[0].config for p in plan.recipes)
    assert (first.epochs, first.seed) == (second.epochs, second.seed) == (3, 2)
    assert first.data_dir == str(data_dirs["plain"])
    assert second.data_dir == str(data_dirs["raw"])


def test_a_recipe_that_comes_with_the_program(data_dir, tmp_path):
    request = ComparisonRequest(("demo.cfg",), tmp_path / "work", data_dir)
    (plan,) = make_plan(request).recipes
    assert plan.recipe.name == "demo"
    assert plan.trainings[0].config.filters == (8, 16, 32, 64)


@pytest.mark.parametrize(
    ("recipes", "given", "message"),
    [
        ({"x.cfg": "--workdir=w"}, {}, "recipe .*x.cfg: --workdir is there"),
        ({"x.cfg": "--epoch=3"}, {}, "recipe .*x.cfg: .*epoch"),
        ({"x.cfg": "--epochs=0"}, {}, "recipe .*x.cfg: --epochs"),
        ({"a/x.cfg": "", "b/X.cfg": ""}, {}, "another name for each recipe"),
        ({"x y.cfg": ""}, {}, "letters, digits"),
        ({"x.cfg": ""}, {"data_dir": None}, "names no prepared data"),
        ({"x.cfg": ""}, {"data_dir": Path("none")}, "none: expected a prep"),
        ({"x.cfg": ""}, {"test_split": "tset"}, "'tset'"),
        ({"x.cfg": ""}, {"test_split": "train"}, "3 subjects of --test_split"),
        ({"x.cfg": "--train_split=no"}, {}, "recipe x: .*'no'"),
        (
            {"x.cfg": "--validation_every=5"},
            {"train_flags": ("--epochs=3",)},
            "x.cfg: --validation_every",
        ),
        ({"x.cfg": ""}, {"train_flags": ("--lr=3",)}, "--train_flags: .*lr"),
        (
            {"x.cfg": ""},
            {"train_flags": ("--data_dir=d",)},
            "--train_flags: --data_dir is there",
        ),
        (
            {"x.cfg": ""},
            {"evaluate_flags": ("--split=a",)},
            "--split is decided",
        ),
        (
            {"x.cfg": ""},
            {"evaluate_flags": ("--threshold=7",)},
            "--evaluate_flags: --threshold",
        ),
        (
            {"x.cfg": ""},
            {"evaluate_flags": ("--pairs=p",)},
            "--evaluate_flags: .*for files",
        ),
        (
            {"x.cfg": "--train_subjects=l"},
            {"cross_validation": CrossValidation(2)},
            "--train_subjects is there, which is decided by the folds",
        ),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    plan_of, recipes, given, message, tmp_path
):
    with pytest.raises(UserError, match=message):
        plan_of(recipes, **given)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("choice", [None, CrossValidation(2)])
@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("other_mask", r"references of 1 volumes differ \(e: native_shape"),
        ("fewer", r"1 volumes are in .*plain alone \(f\)"),
    ],
)
def test_data_sets_of_other_references_are_refused(
    plan_of, data_dirs, choice, other, message
):
    with pytest.raises(UserError, match=message):
        plan_of(
            {"x.cfg": "", "y.cfg": f"--data_dir={data_dirs[other]}"},
            cross_validation=choice,
        )


def test_folders_of_something_else_are_refused(plan_of, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "thesis.tex").touch()
    with pytest.raises(UserError, match=r"thesis\.tex"):
        plan_of({"x.cfg": ""})
    (work / "thesis.tex").unlink()
    (work / "folds").mkdir()
    with pytest.raises(UserError, match="holds a cross-validation"):
        plan_of({"x.cfg": ""})
    (work / "folds").rmdir()
    (work / "runs/x").mkdir(parents=True)
    (work / "runs/x/flags.cfg").touch()
    with pytest.raises(UserError, match="without folds"):
        plan_of({"x.cfg": ""}, cross_validation=CrossValidation(2))
