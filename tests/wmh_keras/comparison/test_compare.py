"""The program: order, resume, failures, folds; two processes in all."""

import csv
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import threading

import pytest

from data_prep.errors import UserError
from data_prep.files import read_csv, write_json
from data_prep.preprocess import PreprocessConfig
from data_prep.subject_digest import subject_digest
from wmh_keras import compare as program
from wmh_keras.comparison import child, results_table
from wmh_keras.comparison.planning import make_plan
from wmh_keras.comparison.request import (
    ComparisonRequest,
    CrossValidation,
    Places,
)
from wmh_keras.comparison.run import compare
from wmh_keras.comparison.step import Ending
from wmh_keras.evaluate import cli as evaluate
from wmh_keras.evaluation.fold_models import (
    FIT_ONLY_FILE,
    read_fold_models,
    write_fold_models,
)
from wmh_keras.evaluation.read_results import read_evaluation
from wmh_keras.model_info import Member, ModelInfo

STEPS = [
    "train narrow",
    "evaluate narrow",
    "train wide",
    "evaluate wide",
    "report",
]


def states_of(request):
    return [line.split("  ")[0] for line in make_plan(request).describe()]


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def request_of(data_dirs, recipes, tmp_path_factory):
    return ComparisonRequest(
        recipes,
        tmp_path_factory.mktemp("compared") / "work",
        data_dirs["plain"],
        evaluate_flags=("--threshold=0.4", "--nopictures"),
    )


@dataclasses.dataclass
class Outcomes:
    """A comparison whose first training was killed, then interrupted."""

    request: ComparisonRequest
    killed: object
    states_after_kill: list
    log_after_interrupt: str
    labels: list
    done: object


def send(processes, sign, is_time):
    pause = threading.Event()
    while not is_time():
        pause.wait(0.002)
    processes[-1].send_signal(sign)


@pytest.fixture(scope="module")
def compared(request_of, in_process):
    """In processes: SIGKILL after the first epoch, then SIGINT at once."""
    places = Places(request_of.workdir)
    checkpoints = places.run("narrow") / "checkpoints"
    log = places.log("narrow", "train")
    start, processes = child._start, []

    def start_noted(command):
        processes.append(start(command))
        return processes[-1]

    def run_until(sign, is_time):
        def run_step(step):
            if step.label != "train narrow":
                return Ending(1, "not now")
            arguments = (processes, sign, is_time)
            killer = threading.Thread(target=send, args=arguments)
            killer.start()
            try:
                return child.run_child(step)
            finally:
                killer.join()

        return run_step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "_start", start_noted)
        # The signals need the time that compiling takes.
        patch.setenv("JAX_ENABLE_COMPILATION_CACHE", "false")
        killed = compare(
            request_of,
            run_until(signal.SIGKILL, (checkpoints / "epoch_000001").exists),
        )
        states = states_of(request_of)
        with pytest.raises(KeyboardInterrupt):
            compare(
                request_of,
                run_until(
                    signal.SIGINT,
                    # It says with which epoch it goes on.
                    lambda: "epoch 2/2 · prep" in log.read_text(),
                ),
            )
    said = log.read_text()
    run_step = in_process()
    done = compare(request_of, run_step)
    return Outcomes(request_of, killed, states, said, run_step.labels, done)


@pytest.fixture(scope="module")
def folded(data_dirs, recipes, in_process, tmp_path_factory):
    """Two folds of one recipe: request, outcome, labels."""
    request = ComparisonRequest(
        recipes[:1],
        tmp_path_factory.mktemp("folded") / "work",
        data_dirs["plain"],
        evaluate_flags=("--threshold=0.4", "--nopictures"),
        cross_validation=CrossValidation(2),
    )
    assert states_of(request) == ["to do"] * 4
    run_step = in_process(report="not now")
    return request, compare(request, run_step), run_step.labels


def test_a_killed_training_is_reported_and_the_next_tried(compared):
    first, second = compared.killed.rows
    assert (first.status, first.epochs, first.test_dice) == ("failed", 1, None)
    assert "was killed (SIGKILL" in first.error
    assert "not now" in second.error
    assert compared.states_after_kill[0] == "begun, 1 epochs done"


def test_an_interrupted_training_says_how_to_go_on(compared):
    assert "the same command goes on" in compared.log_after_interrupt


def test_the_same_command_does_the_rest(compared):
    assert compared.labels == STEPS
    assert compared.done.succeeded
    assert [row.epochs for row in compared.done.rows] == [2, 2]
    assert compared.done.reported == ("narrow", "wide")
    run = Places(compared.request.workdir).run("narrow")
    history = rows_of(run / "history.csv")
    assert [row["epoch"] for row in history] == ["1", "2"]


def test_it_says_what_came_of_each_recipe(compared):
    places = Places(compared.request.workdir)
    for row in rows_of(places.table):
        name = row["recipe"]
        assert (row["status"], row["error"]) == ("done", "")
        summary = json.loads(
            (places.evaluation(name) / "summary.json").read_text()
        )
        assert float(row["test_dice"]) == summary["scores"]["dice"]["mean"]
        model = json.loads((places.run(name) / "model/model.json").read_text())
        assert float(row["validation_dice"]) == model["scores"]["val_dice"]
        assert int(row["best_epoch"]) == model["scores"]["epoch"]
    record = json.loads((places.report / "report.json").read_text())
    assert [e["name"] for e in record["evaluations"]] == ["narrow", "wide"]


def test_what_is_done_is_not_done_again(compared, capsys):
    request_of = compared.request
    assert states_of(request_of) == ["done"] * 5
    flags = [
        f"--recipes={','.join(request_of.recipes)}",
        f"--data_dir={request_of.data_dir}",
        f"--workdir={request_of.workdir}",
        "--evaluate_flags=--threshold=0.4 --nopictures",
    ]
    assert program.cli(["wmh-compare", *flags, "--dry_run"]) == 0
    assert capsys.readouterr().out.count("done  ") == 5
    assert program.cli(["wmh-compare", *flags]) == 0
    output = capsys.readouterr()
    assert output.err.count("done already") == 5
    assert "report.html" in output.out
    # So is what an earlier evaluation left out.
    more = dataclasses.replace(
        request_of, evaluate_flags=("--threshold=0.4", "--save_predictions")
    )
    assert states_of(more)[1] == "to do"
    # Those of another threshold are evaluated again, and reported.
    assert states_of(
        ComparisonRequest(
            request_of.recipes, request_of.workdir, request_of.data_dir
        )
    ) == ["done", "to do"] * 2 + ["to do"]


def test_a_damaged_table_is_made_again(compared, in_process):
    request = compared.request
    table = Places(request.workdir).evaluation("wide") / "lesions.csv"
    kept = table.read_bytes()
    table.write_text("damaged\n")
    assert states_of(request)[3] == "to do"
    run_step = in_process(report="not now")
    compare(request, run_step)
    assert run_step.labels == ["evaluate wide", "report"]
    assert table.read_bytes() == kept


def test_a_changed_recipe_is_refused_before_anything_is_done(
    compared, in_process, tmp_path
):
    request_of = compared.request
    changed = tmp_path / "narrow.cfg"
    with open(request_of.recipes[0]) as stream:
        changed.write_text(stream.read() + "--seed=5\n")
    recipes = (str(changed), request_of.recipes[1])
    request = ComparisonRequest(
        recipes,
        request_of.workdir,
        request_of.data_dir,
        evaluate_flags=request_of.evaluate_flags,
    )
    assert [line[:22].strip() for line in make_plan(request).describe()] == [
        "refused: other flags",
        "to do",
        "done",
        "done",
        "to do",
    ]
    before = {
        path: path.stat().st_mtime_ns for path in request.workdir.rglob("*")
    }
    run_step = in_process()
    with pytest.raises(UserError) as caught:
        compare(request, run_step)
    message = str(caught.value)
    assert message.count("narrow: --seed: was '0', now '5'") == 1
    assert "wide" not in message
    assert message.count("another --workdir") == 1
    assert run_step.labels == []
    assert before == {
        path: path.stat().st_mtime_ns for path in request.workdir.rglob("*")
    }


def test_a_report_that_fails_is_told_of(compared, in_process):
    request = compared.request
    report = Places(request.workdir).report / "report.json"
    kept = report.read_bytes()
    report.unlink()
    run_step = in_process(report="not now")
    result = compare(request, run_step)
    report.write_bytes(kept)
    assert run_step.labels == ["report"]
    assert not result.succeeded
    assert "no report: report: not now" in "\n".join(result.describe())


def test_a_recipe_that_fails_is_reported_and_the_others_go_on(
    recipes, data_dir, in_process, tmp_path
):
    run_step = in_process(
        **{"train narrow": "no\nluck", "train wide": "no luck either"}
    )
    request = ComparisonRequest(recipes, tmp_path / "work", data_dir)
    result = compare(request, run_step)
    assert run_step.labels == ["train narrow", "train wide"]
    text = "\n".join(result.describe())
    assert "failed: narrow: train narrow: no\nluck (log: " in text
    assert "no report: every recipe failed" in text
    (first, second) = rows_of(tmp_path / "work/compare.csv")
    assert first["status"] == second["status"] == "failed"
    assert first["error"].startswith("train narrow: no luck (log: ")
    assert first["test_dice"] == ""


def test_ctrl_c_says_how_to_go_on(data_dir, recipes, tmp_path, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "_start", interrupted)
        code = program.cli(
            [
                "wmh-compare",
                f"--recipes={recipes[0]}",
                f"--data_dir={data_dir}",
                f"--workdir={tmp_path / 'work'}",
            ]
        )
    assert code == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not (tmp_path / "work/compare.csv").exists()


def test_two_at_once_are_kept_apart(request_of, capsys):
    import fcntl

    request_of.workdir.mkdir(exist_ok=True)
    descriptor = os.open(request_of.workdir, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        code = program.cli(
            [
                "wmh-compare",
                f"--recipes={request_of.recipes[0]}",
                f"--data_dir={request_of.data_dir}",
                f"--workdir={request_of.workdir}",
            ]
        )
    finally:
        os.close(descriptor)
    assert code == 1
    assert "another wmh-compare runs here" in capsys.readouterr().err


def test_folds(folded, tmp_path):
    """The models of the folds, one evaluation, and the tables."""
    request, result, labels = folded
    assert labels == [
        "train narrow fold_1",
        "train narrow fold_2",
        "evaluate narrow",
        "report",
    ]
    places = Places(request.workdir)
    rows = rows_of(places.evaluation("narrow") / "per_patient.csv")
    scans = [(row["subject_id"], row["session"]) for row in rows]
    assert scans == [
        ("a", "1"),
        ("a", "2"),
        ("b", ""),
        ("c", ""),
        ("d", ""),
        ("e", ""),
        ("f", ""),
    ]
    # Each subject's numbers are those of its fold's model alone.
    for number, fold_row in enumerate(rows_of(places.fold_table), 1):
        name = f"fold_{number}"
        out = tmp_path / name
        flags = [
            f"--data_dir={request.data_dir}",
            f"--model={places.run('narrow', name)}",
            f"--subjects={places.folds / name / 'test.txt'}",
            f"--output_dir={out}",
            *request.evaluate_flags,
        ]
        assert evaluate(["wmh-evaluate", *flags]) == 0
        alone = rows_of(out / "per_patient.csv")
        of_fold = [dict(row) for row in rows if row["model"] == name]
        assert [row.pop("model") for row in of_fold] == [name] * len(alone)
        assert of_fold == alone
        assert {row["auc"] for row in alone} != {""}
        summary = json.loads((out / "summary.json").read_text())
        assert summary["warnings"] == []
        mean = summary["scores"]["dice"]["mean"]
        assert float(fold_row["out_of_fold_dice"]) == pytest.approx(mean)
        assert int(fold_row["n"]) == summary["num_subjects"]
    (row,) = result.rows
    assert (row.epochs, row.best_epoch) == (4, None)
    dice = [r.validation_dice for r in result.fold_rows]
    assert row.validation_dice == pytest.approx(sum(dice) / 2)


def test_subjects_that_were_left_out_count_in_no_fold(folded, monkeypatch):
    """As with --evaluate_flags=--skip_invalid."""
    request, *_ = folded
    (plan,) = make_plan(request).recipes
    places = Places(request.workdir)
    first, second = (training.fold.test for training in plan.trainings)

    def read_less(folder):
        found = read_evaluation(folder)
        kept = [v for v in found.volumes if v.key.subject_id in first[1:]]
        return dataclasses.replace(found, volumes=tuple(kept))

    dice = read_evaluation(places.evaluation("narrow")).by_subject("dice")
    monkeypatch.setattr(results_table, "read_evaluation", read_less)
    one, other = results_table.make_fold_rows(plan, places)
    assert one.n == len(first) - 1
    mean = sum(dice[s] for s in first[1:]) / one.n
    assert one.out_of_fold_dice == pytest.approx(mean)
    assert (other.n, other.out_of_fold_dice) == (0, None)
    assert second


def test_folds_are_done_once(folded, in_process):
    request, *_ = folded
    assert states_of(request) == ["done", "done", "done", "to do"]
    run_step = in_process(report="not now")
    compare(request, run_step)
    assert run_step.labels == ["report"]


CALIBRATED = [
    "calibrate narrow fold_1",
    "calibrate narrow fold_2",
    "evaluate narrow",
    "report",
]


def test_folds_have_settings_of_their_own(folded, in_process):
    """Chosen after the training, noticed when asked for, undone if not."""
    request, *_ = folded
    places = Places(request.workdir)
    table = places.fold_models("narrow")
    plain = table.read_text()
    asked = dataclasses.replace(
        request,
        evaluate_flags=("--nopictures", "--test_time_flips=left_right"),
        cross_validation=CrossValidation(2, calibrate=True),
    )
    assert states_of(asked) == ["done", "to do"] * 2 + ["to do"] * 2
    run_step = in_process(**{"calibrate narrow fold_1": "no luck"})
    (row,) = compare(asked, run_step).rows
    assert run_step.labels == CALIBRATED[:1]
    assert row.error.startswith("calibrate narrow fold_1: no luck (log: ")
    assert table.read_text() == plain
    run_step = in_process(report="not now")
    result = compare(asked, run_step)
    assert run_step.labels == CALIBRATED
    # Each fold's choice is that of its own validation subjects.
    settings = {}
    for name in ("fold_1", "fold_2"):
        folder = places.calibration("narrow", name)
        content = json.loads((folder / "calibration.json").read_text())
        listed = (places.folds / name / "validation.txt").read_text().split()
        assert content["calibrated"]["subjects"] == sorted(
            map(subject_digest, listed)
        )
        assert content["calibrated"]["test_time_flips"] == "left_right"
        assert "validation subjects chose" in content["calibration"]["note"]
        chosen = content["calibration"]["chosen"]
        settings[name] = (chosen["threshold"], chosen["min_lesion_mm3"])
    for row in read_csv(table):
        name = os.path.basename(row["model"])
        found = float(row["threshold"]), float(row["min_lesion_mm3"])
        assert found == settings[name]
    for row in (*result.fold_rows, *rows_of(places.fold_table)):
        row = row if isinstance(row, dict) else dataclasses.asdict(row)
        found = float(row["threshold"]), float(row["min_lesion_mm3"])
        assert found == settings[row["fold"]]
    # What is done is not done again; a changed model is calibrated again.
    assert states_of(asked) == ["done"] * 5 + ["to do"]
    damaged = places.calibration("narrow", "fold_2") / "calibration.csv"
    kept = damaged.read_bytes()
    damaged.write_text("")
    assert states_of(asked)[3:] == ["to do"] * 3
    run_step = in_process(report="not now")
    compare(asked, run_step)
    assert run_step.labels == ["calibrate narrow fold_2", "report"]
    assert damaged.read_bytes() == kept
    # Without the flag all are evaluated as before.
    assert states_of(request) == ["done", "done", "to do", "to do"]
    run_step = in_process(report="not now")
    compare(request, run_step)
    assert run_step.labels == ["evaluate narrow", "report"]
    assert table.read_text() == plain


def test_subjects_are_evaluated_with_their_fold_s_settings(folded, tmp_path):
    """Whatever the choice: the numbers are those of its model alone."""
    request, *_ = folded
    places = Places(request.workdir)
    table = places.fold_models("narrow").with_name("own.csv")
    own = {"fold_1": ("0.42", "700.0"), "fold_2": ("0.38", "0.0")}
    rows = read_csv(places.fold_models("narrow"))
    lines = [
        ",".join((*row.values(), *own[os.path.basename(row["model"])]))
        for row in rows
    ]
    table.write_text(
        "subject_id,model,threshold,min_lesion_mm3\n" + "\n".join(lines)
    )
    common = (f"--data_dir={request.data_dir}", "--nopictures")
    out = tmp_path / "own"
    flags = (*common, f"--fold_models={table}", f"--output_dir={out}")
    assert evaluate(["wmh-evaluate", *flags]) == 0
    table.unlink()
    found = rows_of(out / "per_patient.csv")
    for name, (threshold, size) in own.items():
        flags = (
            *common,
            f"--model={places.run('narrow', name)}",
            f"--subjects={places.folds / name / 'test.txt'}",
            f"--threshold={threshold}",
            f"--min_lesion_mm3={size}",
            f"--output_dir={tmp_path / name}",
        )
        assert evaluate(["wmh-evaluate", *flags]) == 0
        of_fold = [dict(row) for row in found if row["model"] == name]
        assert [row.pop("model") for row in of_fold]
        assert of_fold == rows_of(tmp_path / name / "per_patient.csv")


def test_what_is_chosen_is_not_given(folded):
    request, *_ = folded
    asked = dataclasses.replace(
        request, cross_validation=CrossValidation(2, calibrate=True)
    )
    with pytest.raises(UserError, match="--threshold is what --calibrate"):
        make_plan(asked)


def test_models_that_have_seen_a_subject_are_refused(folded, tmp_path, capsys):
    request, *_ = folded
    places = Places(request.workdir)
    table = places.fold_models("narrow")
    rows = read_csv(table)
    first = rows[0]["model"]
    wrong = next(row["subject_id"] for row in rows if row["model"] != first)
    mixed = table.with_name("mixed.csv")
    mixed.write_text(
        "subject_id,model\n"
        + "".join(f"{row['subject_id']},{first}\n" for row in rows)
    )
    flags = [
        f"--data_dir={request.data_dir}",
        f"--output_dir={tmp_path / 'out'}",
    ]
    code = evaluate(["wmh-evaluate", *flags, f"--fold_models={mixed}"])
    mixed.unlink()
    assert code == 1
    message = capsys.readouterr().err
    assert "trained or validated on subjects" in message
    assert wrong in message.split("fold_1: ")[1]
    assert not (tmp_path / "out").exists()
    code = evaluate(
        ["wmh-evaluate", *flags, f"--fold_models={table}", "--split=test"]
    )
    assert code == 2
    assert "--split: the table" in capsys.readouterr().err


def test_subjects_without_a_line_are_named(folded, tmp_path, capsys):
    request, *_ = folded
    table = Places(request.workdir).fold_models("narrow")
    lines = table.read_text().splitlines(keepends=True)
    fewer = table.with_name("fewer.csv")
    fewer.write_text("".join([*lines[:2], *lines[3:-1]]))
    gone = sorted(lines[i].split(",")[0] for i in (2, -1))
    flags = [
        f"--data_dir={request.data_dir}",
        f"--output_dir={tmp_path / 'out'}",
        f"--fold_models={fewer}",
        *request.evaluate_flags,
    ]
    assert evaluate(["wmh-evaluate", *flags]) == 0
    fewer.unlink()
    warning = (
        f"2 subjects of the cross-validation have no line in {fewer} and are "
        f"not evaluated: {', '.join(gone)}"
    )
    assert f"warning: {warning}" in capsys.readouterr().out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["warnings"] == [warning]


def test_who_is_only_fitted_needs_no_line_and_may_have_none(
    folded, tmp_path, capsys
):
    """With the list that a comparison writes beside its tables."""
    request, *_ = folded
    models = read_fold_models(Places(request.workdir).fold_models("narrow"))
    fit_only = [model.subjects[0] for model in models]
    table = tmp_path / "models.csv"
    # As if both models had been fitted to these.
    write_fold_models(
        table,
        [
            dataclasses.replace(model, subjects=model.subjects[1:])
            for model in models
        ],
    )
    (tmp_path / FIT_ONLY_FILE).write_text("\n".join(fit_only))
    flags = [
        f"--data_dir={request.data_dir}",
        f"--output_dir={tmp_path / 'out'}",
        f"--fold_models={table}",
        *request.evaluate_flags,
    ]
    assert evaluate(["wmh-evaluate", *flags]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["warnings"] == []
    assert summary["num_subjects"] == 4
    write_fold_models(table, models)
    capsys.readouterr()
    assert evaluate(["wmh-evaluate", *flags, "--overwrite"]) == 1
    assert f"{fit_only[0]} is only to be fitted" in capsys.readouterr().err


def test_subjects_that_are_only_fitted_come_from_a_file(
    request_of, tmp_path, capsys
):
    chosen = tmp_path / "partial.txt"
    flags = [
        "wmh-compare",
        f"--recipes={request_of.recipes[0]}",
        f"--data_dir={request_of.data_dir}",
        f"--workdir={tmp_path / 'work'}",
        "--num_folds=2",
        "--validation_fraction=0.4",
        f"--fit_only_subjects={chosen}",
        "--dry_run",
    ]
    chosen.write_text("sub-b\n\nf\n")
    assert program.cli(flags) == 0
    assert "train narrow fold_2" in capsys.readouterr().out
    for text, message in (
        ("b\nsub-b\n", "more than one line of b"),
        ("b\nnobody\n", "of them there: nobody"),
        ("a\nb\nc\nd\ne\nf\n", "found all of them in the list"),
        ("", "expected one subject a line, found none"),
    ):
        chosen.write_text(text)
        assert program.cli(flags) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_who_is_only_fitted_is_in_no_step_but_the_trainings(
    request_of, tmp_path
):
    choice = CrossValidation(
        2, validation_fraction=0.4, calibrate=True, fit_only=("b",)
    )
    request = dataclasses.replace(
        request_of,
        workdir=tmp_path / "work",
        recipes=request_of.recipes[:1],
        evaluate_flags=(),
        cross_validation=choice,
    )
    labels = []

    def fail(step):
        labels.append(step.label)
        return Ending(1, "not now")

    compare(request, fail)  # writes the lists
    assert labels == ["train narrow fold_1"]
    lists = Places(request.workdir).folds
    named = {
        str(path.relative_to(lists))
        for path in lists.rglob("*.txt")
        if "b" in path.read_text().split()
    }
    assert named == {"fit_only.txt", "fold_1/train.txt", "fold_2/train.txt"}
    other = dataclasses.replace(
        request, cross_validation=dataclasses.replace(choice, fit_only=("c",))
    )
    with pytest.raises(UserError, match="--fit_only_subjects"):
        make_plan(other)


def save_info(folder, subjects):
    """A model folder of which only what it has seen will be read."""
    folder.mkdir(parents=True)
    (folder / "member_0.weights.h5").write_bytes(b"")
    info = ModelInfo(
        network="unet",
        network_arguments={},
        preprocess=PreprocessConfig(side=32),
        seen_subjects=tuple(map(subject_digest, subjects)),
        members=(Member("member_0.weights.h5"),),
        files={"member_0.weights.h5": hashlib.sha256(b"").hexdigest()},
    )
    write_json(folder / "model.json", info.to_json())
    return folder


@pytest.mark.parametrize(
    ("folds", "seen", "place"),
    [
        (None, "f", "of --test_split=test"),
        (CrossValidation(2), "b", "that fold_"),
    ],
)
def test_initial_models_have_not_seen_the_test_subjects(
    request_of, tmp_path, folds, seen, place
):
    def with_initial(folder):
        return dataclasses.replace(
            request_of,
            workdir=tmp_path / "work",
            train_flags=(f"--init_model={folder}",),
            cross_validation=folds,
        )

    folder = save_info(tmp_path / "other", ("nobody", seen))
    with pytest.raises(UserError, match="no model has seen") as raised:
        make_plan(with_initial(folder))
    message = f"recipe narrow: --init_model={folder} has seen 1 subjects "
    assert str(raised.value).startswith(message + place)
    assert f": {seen};" in str(raised.value)
    make_plan(with_initial(save_info(tmp_path / "none", ("nobody",))))
    with pytest.raises(UserError, match="absent: no model there"):
        make_plan(with_initial(tmp_path / "absent"))
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("folds", "subject", "message"),
    [
        (None, "f", "has masks of 1 subjects of --test_split=test: f;"),
        (None, "d", "has masks of 1 subjects to validate on: d;"),
        (CrossValidation(2), "b", "has masks of 1 subjects that fold_"),
    ],
)
def test_nobody_is_tested_whose_lesions_are_painted(
    request_of, data_dirs, tmp_path, folds, subject, message
):
    folder = tmp_path / "masks"
    folder.mkdir()
    source = data_dirs["plain"].parent / "g_mask.nii.gz"
    request = dataclasses.replace(
        request_of,
        workdir=tmp_path / "work",
        train_flags=(
            f"--lesion_masks={folder}",
            "--patch_size=16,16",
            "--painted_lesions=0.5",
        ),
        cross_validation=folds,
    )
    with pytest.raises(UserError, match="found none in the folder itself"):
        make_plan(request)
    shutil.copy(source, folder / "sub-nobody_mask.nii.gz")
    make_plan(request)
    shutil.copy(source, folder / f"sub-{subject}_mask.nii.gz")
    with pytest.raises(UserError) as raised:
        make_plan(request)
    assert str(raised.value).startswith("recipe narrow: --lesion_masks")
    assert message in str(raised.value)


def test_recipes_do_not_fit_the_test_subjects(request_of, tmp_path):
    request = dataclasses.replace(
        request_of,
        workdir=tmp_path / "work",
        train_flags=("--validation_split=test",),
    )
    with pytest.raises(UserError, match="fits or validates on 2 subjects of"):
        make_plan(request)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--recipes, --workdir"),
        (("--recipes=a",), "--workdir"),
        (("--recipes=a", "--workdir=w,x"), "commas"),
        (("--recipes=a", "--workdir=w", "--seed=1"), "--num_folds"),
        (("--recipes=a", "--workdir=w", "--calibrate"), "--num_folds"),
        (
            ("--recipes=a", "--workdir=w", "--fit_only_subjects=x"),
            "--num_folds",
        ),
        (
            ("--recipes=a", "--workdir=w", "--num_folds=2", "--test_split=x"),
            "--cv_splits",
        ),
        (
            (
                "--recipes=a",
                "--workdir=w",
                "--num_folds=2",
                "--leave_one_site_out",
            ),
            "both",
        ),
        (
            (
                "--recipes=a",
                "--workdir=w",
                "--num_folds=2",
                "--validation_fraction=1",
            ),
            "--validation_fraction",
        ),
        (("--recipes=a", "--workdir=w", '--train_flags="'), "as in a shell"),
        (("--recipes=a b", "--workdir=w"), "rename"),
    ],
)
def test_wrong_usage_is_explained(flags, message, capsys):
    assert program.cli(["wmh-compare", *flags]) == 2
    assert message in capsys.readouterr().err
