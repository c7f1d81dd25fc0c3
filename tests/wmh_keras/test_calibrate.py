"""The program as a user runs it: what it chooses is what evaluation says."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest

from data_prep.nifti_writing import write_image, write_mask
from data_prep.subject_digest import subject_digest
from data_prep.volume import Volume
from wmh_keras import artifacts
from wmh_keras.calibrate import cli
from wmh_keras.evaluate import cli as evaluate
from wmh_keras.evaluation.fold_models import FoldModel, write_fold_models

GRID = ("--thresholds=0.3,0.5,0.8", "--min_lesion_sizes_mm3=0,20,40")
# subject, session, site
SCANS = (("a", "1", "n"), ("a", "2", "n"), ("b", "", "n"), ("c", "", "s"))


def run(*flags):
    return cli(["wmh-calibrate", *map(str, flags)])


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def choice_of(folder):
    return json.loads((folder / "calibration.json").read_text())


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Heads with lesions of many greys, in two sites, all to validate on."""
    from data_prep.prepare import cli as prepare

    root = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(3)
    lines = ["subject_id,session,site,split,flair,mask"]
    for subject, session, site in SCANS:
        data = rng.normal(100, 3, (32, 28, 6)).astype(np.float32)
        data[:4] = data[-4:] = 0
        mask = np.zeros(data.shape, np.uint8)
        for number in range(12):
            x, y, z = (int(rng.integers(6, n - 8)) for n in (32, 28, 20))
            where = slice(x, x + 1 + number % 3), slice(y, y + 3), z // 2 - 3
            data[where] = rng.uniform(150, 260)
            mask[where] = rng.uniform() < 0.7
        mask[8, 8, 3] = 2
        volume = Volume(data, np.diag([1.0, 1.0, 5.0, 1.0]))
        stem = root / "in" / f"{subject}{session}"
        write_image(f"{stem}_FLAIR.nii.gz", data, volume)
        write_mask(f"{stem}_mask.nii.gz", mask, volume)
        lines.append(
            f"{subject},{session},{site},validation,{stem}_FLAIR.nii.gz,"
            f"{stem}_mask.nii.gz"
        )
    (root / "cases.csv").write_text("\n".join(lines) + "\n")
    code = prepare(
        [
            "wmh-prepare",
            f"--input={root / 'cases.csv'}",
            f"--data_dir={root / 'data'}",
            "--side=32",
        ]
    )
    assert code == 0
    return root / "data"


@pytest.fixture
def model(save_model, softer_model, tmp_path):
    """A run whose model gives probabilities of all sizes."""
    save_model(tmp_path / "run/model", [softer_model], threshold=0.8)
    return tmp_path / "run"


def evaluated(data_dir, model, threshold, size, out):
    flags = (
        f"--data_dir={data_dir}",
        f"--model={model}",
        "--split=validation",
        f"--threshold={threshold}",
        f"--min_lesion_mm3={size}",
        f"--output_dir={out}",
        "--nopictures",
    )
    assert evaluate(["wmh-evaluate", *flags]) == 0
    return json.loads((out / "summary.json").read_text())


def test_the_grid_is_what_evaluation_gives(data_dir, model, tmp_path, capsys):
    out = tmp_path / "out"
    flags = (f"--model={model}", f"--data_dir={data_dir}")
    assert run(*flags, f"--output_dir={out}", *GRID) == 0
    said = capsys.readouterr().out
    rows = rows_of(out / "calibration.csv")
    assert len(rows) == 3 * 3 * 3
    overall = [row for row in rows if row["group"] == "overall"]
    for threshold, size in (("0.3", "20.0"), ("0.8", "0.0")):
        place = tmp_path / threshold
        summary = evaluated(data_dir, model, threshold, size, place)
        found = {
            (row["group"], row["site"]): row
            for row in rows
            if (row["threshold"], row["min_lesion_mm3"]) == (threshold, size)
        }
        names = {"dice": "dice", "lesion_f1": "challenge_lesion_f1"}
        for name, score in names.items():
            sites = [
                summary["sites"][site]["scores"][score]["mean"]
                for site in ("n", "s")
            ]
            assert [
                float(found["site", site][name]) for site in ("n", "s")
            ] == pytest.approx(sites)
            assert float(found["overall", ""][name]) == pytest.approx(
                sum(sites) / 2
            )
    # The highest of them is chosen, and nothing is written into the model.
    best = max(overall, key=lambda row: float(row["dice_and_f1"]))
    assert best["chosen"] == "yes"
    assert [row["chosen"] for row in overall].count("yes") == 1
    content = choice_of(out)
    chosen = content["calibration"]["chosen"]
    assert chosen["threshold"] == float(best["threshold"])
    assert chosen["min_lesion_mm3"] == float(best["min_lesion_mm3"])
    assert chosen["dice"] == float(best["dice"])
    assert f"--threshold={best['threshold']}" in said
    # It beats what the model had.
    own = content["calibration"]["own"]
    assert (own["threshold"], own["min_lesion_mm3"]) == (0.8, 0)
    assert own["dice_and_f1"] < chosen["dice_and_f1"]
    assert content["calibrated"]["subjects"] == sorted(
        map(subject_digest, "abc")
    )
    assert content["calibration"]["num_volumes"] == 4
    assert (out / "calibration.png").read_bytes()[:4] == b"\x89PNG"
    assert artifacts.read_model_info(model).threshold == 0.8


def test_subjects_weigh_the_same_without_sites(data_dir, model, tmp_path):
    flags = (f"--model={model}", f"--data_dir={data_dir}", *GRID)
    for name, more in (("sites", ()), ("people", ("--noby_site",))):
        assert run(*flags, *more, f"--output_dir={tmp_path / name}") == 0
    sites, people = (
        rows_of(tmp_path / name / "calibration.csv")
        for name in ("sites", "people")
    )
    north, south = (
        [float(row["dice"]) for row in sites if row["site"] == site]
        for site in ("n", "s")
    )
    overall = [float(r["dice"]) for r in people if r["group"] == "overall"]
    expected = (2 * np.array(north) + south) / 3
    np.testing.assert_allclose(overall, expected)


def test_the_choice_is_written_and_made_once(
    data_dir, model, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    before = json.loads((model / "model/model.json").read_text())
    flags = (
        f"--model={model}",
        f"--data_dir={data_dir}",
        f"--output_dir={out}",
        "--criterion=lesion_f1",
        *GRID,
    )
    assert run(*flags) == 0
    kept = (out / "calibration.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("wmh_keras.calibration.run._score_all", None)
        assert run(*flags, "--write") == 0
    assert "written into the model.json of" in capsys.readouterr().out
    assert (out / "calibration.json").read_bytes() == kept
    chosen = choice_of(out)["calibration"]["chosen"]
    after = json.loads((model / "model/model.json").read_text())
    settings = ("threshold", "min_lesion_mm3")
    assert [after[name] for name in settings] == [
        chosen[name] for name in settings
    ]
    assert after.pop("checksum") != before.pop("checksum")
    assert after == before | {name: chosen[name] for name in settings}
    assert artifacts.read_model_info(model).threshold == chosen["threshold"]
    # Another one is not written over it unasked.
    others = [f for f in flags if not f.startswith("--criterion")]
    assert run(*others) == 1
    assert "another calibration" in capsys.readouterr().err
    assert run(*others, "--overwrite") == 0
    # What is damaged is made again.
    (out / "calibration.csv").write_text("damaged")
    assert run(*others, "--overwrite") == 0
    assert len(rows_of(out / "calibration.csv")) == 27


def test_an_ensemble_is_chosen_for_as_one(
    data_dir, model, bright_model_dir, tmp_path
):
    copy = tmp_path / "sharp"
    shutil.copytree(bright_model_dir, copy)
    out = tmp_path / "out"
    flags = (f"--model={model}", f"--model={copy}", f"--data_dir={data_dir}")
    assert run(*flags, f"--output_dir={out}", "--write", *GRID) == 0
    content = choice_of(out)
    assert len(content["calibrated"]["models"]) == 2
    assert content["calibration"]["own"] is None  # they differed
    infos = [artifacts.read_model_info(path) for path in (model, copy)]
    assert infos[0].threshold == infos[1].threshold
    both = evaluate(
        [
            "wmh-evaluate",
            *flags,
            "--split=validation",
            "--nopictures",
            f"--output_dir={tmp_path / 'eval'}",
        ]
    )
    assert both == 0
    summary = json.loads((tmp_path / "eval/summary.json").read_text())
    sites = [s["scores"]["dice"]["mean"] for s in summary["sites"].values()]
    chosen = content["calibration"]["chosen"]
    assert chosen["dice"] == pytest.approx(sum(sites) / 2)


def with_subjects(save_model, folder, model, data_dir, seen, fitted):
    from wmh_keras.datasets import open_prepared_data

    identity = open_prepared_data(data_dir).identity
    return save_model(
        folder,
        [model],
        data_identity=identity,
        seen_subjects=tuple(sorted(map(subject_digest, seen))),
        fitted_subjects=fitted and tuple(sorted(map(subject_digest, fitted))),
    )


@pytest.mark.parametrize(
    ("seen", "fitted", "note", "warning"),
    [
        ("xy", "x", "no model had seen its subjects", ""),
        ("abcx", "x", "validation subjects chose the model too", ""),
        ("abx", None, "validation subjects chose", "it does not tell which"),
    ],
)
def test_what_the_subjects_are_to_the_model(
    data_dir, save_model, softer_model, tmp_path, seen, fitted, note, warning
):
    model = with_subjects(
        save_model, tmp_path / "m", softer_model, data_dir, seen, fitted
    )
    out = tmp_path / "out"
    flags = (f"--model={model}", f"--data_dir={data_dir}", *GRID)
    assert run(*flags, f"--output_dir={out}") == 0
    found = choice_of(out)["calibration"]
    assert found["note"].startswith(note)
    about_models = [w for w in found["warnings"] if str(model) in w]
    assert len(about_models) == bool(warning)
    assert all(warning in w for w in about_models)
    assert any("by 3 subjects alone" in w for w in found["warnings"])


def test_fitted_subjects_are_refused(
    data_dir, save_model, softer_model, tmp_path, capsys
):
    model = with_subjects(
        save_model, tmp_path / "m", softer_model, data_dir, "abcx", "bx"
    )
    out = tmp_path / "out"
    flags = (f"--model={model}", f"--data_dir={data_dir}", *GRID)
    assert run(*flags, f"--output_dir={out}") == 1
    assert "was fitted on 1 of the subjects to calibrate on (b)" in (
        capsys.readouterr().err
    )
    assert not out.exists()
    # With a first model the validation subjects may be fitted ones.
    info = artifacts.read_model_info(model)
    origin = dataclasses.replace(info.origin, weights_sha256="0" * 64)
    model = save_model(
        tmp_path / "m",
        [softer_model],
        **{
            name: getattr(info, name)
            for name in ("data_identity", "seen_subjects", "fitted_subjects")
        },
        origin=origin,
    )
    assert run(*flags, f"--output_dir={out}", "--split=validation") == 1
    message = capsys.readouterr().err
    assert "nor the model whose weights it started from" in message
    assert "--subjects=FILE" in message
    assert "--split=validation" not in message
    # Others of the same model may decide.
    (tmp_path / "list.txt").write_text("a\nsub-c\n")
    listed = f"--subjects={tmp_path / 'list.txt'}"
    assert run(*flags, listed, f"--output_dir={out}") == 0
    assert choice_of(out)["calibration"]["num_subjects"] == 2


def test_folds_are_pooled_and_written_to_copies(
    data_dir, save_model, softer_model, bright_model, tmp_path, capsys
):
    """The pooled means are those of each model's own subjects."""
    first, second = (
        with_subjects(
            save_model, tmp_path / name / "model", model, data_dir, seen, seen
        )
        for name, model, seen in (
            ("fold_1", softer_model, "bc"),
            ("fold_2", bright_model, "a"),
        )
    )
    table = tmp_path / "models.csv"
    write_fold_models(
        table,
        [
            FoldModel("1", first.parent, ("a",)),
            FoldModel("2", second.parent, ("b", "c")),
        ],
    )
    common = (f"--data_dir={data_dir}", "--noby_site", *GRID)
    pooled = (f"--fold_models={table}", *common)
    assert run(*pooled, f"--output_dir={tmp_path / 'pooled'}") == 0
    assert "folds' models with --write --model=COPY" in capsys.readouterr().out
    alone = []
    for name, subjects in (("fold_1", "a"), ("fold_2", "b\nc")):
        (tmp_path / f"{name}.txt").write_text(subjects)
        flags = (
            f"--model={tmp_path / name}",
            f"--subjects={tmp_path / name}.txt",
            f"--output_dir={tmp_path / name / 'out'}",
        )
        assert run(*flags, *common) == 0
        rows = rows_of(tmp_path / name / "out/calibration.csv")
        alone.append(
            [float(r["dice"]) for r in rows if r["group"] == "overall"]
        )
    rows = rows_of(tmp_path / "pooled/calibration.csv")
    found = [float(r["dice"]) for r in rows if r["group"] == "overall"]
    expected = (np.array(alone[0]) + 2 * np.array(alone[1])) / 3
    np.testing.assert_allclose(found, expected)
    # The folds' own models keep their settings.
    capsys.readouterr()
    out = f"--output_dir={tmp_path / 'pooled'}"
    assert run(*pooled, out, "--write", f"--model={first}") == 1
    assert "is a fold's own model" in capsys.readouterr().err
    copy = tmp_path / "shipped"
    shutil.copytree(first, copy)
    assert run(*pooled, out, "--write", f"--model={copy}") == 0
    chosen = choice_of(tmp_path / "pooled")["calibration"]["chosen"]
    info = artifacts.read_model_info(copy)
    assert info.threshold == chosen["threshold"]
    assert artifacts.read_model_info(first).threshold == 0.5
    assert run(*pooled, out, "--model=x") == 2
    assert "both --write and --model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--data_dir, --output_dir"),
        (
            (
                "--data_dir=d",
                "--output_dir=o",
                "--model=shipped",
                "--write",
            ),
            "the package's own model",
        ),
        (("--data_dir=d", "--output_dir=o"), "--model"),
        (
            ("--data_dir=d", "--output_dir=o", "--model=m", "--thresholds=2"),
            "threshold: expected above 0",
        ),
        (
            ("--data_dir=d", "--output_dir=o", "--model=m", "--thresholds=a"),
            "--thresholds, --min_lesion",
        ),
        (
            ("--data_dir=d", "--output_dir=o", "--fold_models=f", "--split=s"),
            "--split: the table",
        ),
    ],
)
def test_wrong_usage_is_explained(flags, message, capsys):
    assert run(*flags) == 2
    assert message in capsys.readouterr().err
