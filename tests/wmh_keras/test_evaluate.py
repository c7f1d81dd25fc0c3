"""The program as a user runs it, on files and on a model."""

import csv
import dataclasses
import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from data_prep.nifti_writing import write_image, write_mask
from data_prep.volume import Volume
from wmh_keras.evaluate import cli
from wmh_keras.evaluation.read_results import read_evaluation
from wmh_keras.evaluation.results import COLUMNS

KEYS = ("subject_id", "session", "run", "site")


def evaluate(*flags):
    return cli(["wmh-evaluate", *map(str, flags)])


def rows_of(folder):
    with open(folder / "per_patient.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


# --- files -----------------------------------------------------------------

AFFINE = np.array(
    [[-0.9, 0, 0, 90], [0, 0.9, 0, -100], [0, 0, 6.4, -40], [0, 0, 0, 1.0]]
)
SHAPE = (24, 20, 8)


def save(path, data, dtype=np.uint8, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(np.asarray(data, dtype), affine).to_filename(path)


def lesions(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, np.uint8)
    for _ in range(4):
        x, y, z = (int(rng.integers(2, n - 3)) for n in SHAPE)
        mask[x : x + 3, y : y + 2, z] = 1
    return mask


@pytest.fixture
def folders(tmp_path):
    """References of three subjects, and predictions shifted by a voxel."""
    for index, dtype in enumerate((np.uint8, np.int16, np.float32)):
        mask = lesions(index)
        name = f"sub-0{index}/anat/sub-0{index}"
        save(tmp_path / "r" / f"{name}_label-WMH_mask.nii.gz", mask, dtype)
        save(tmp_path / "p" / f"{name}_seg.nii.gz", np.roll(mask, 1, 0))
    return tmp_path


def files_flags(root, out="out"):
    return (
        f"--references={root / 'r'}",
        f"--predictions={root / 'p'}",
        f"--output_dir={root / out}",
    )


def test_files(folders, capsys):
    assert evaluate(*files_flags(folders)) == 0
    rows = rows_of(folders / "out")
    assert tuple(rows[0]) == COLUMNS
    assert [row["subject_id"] for row in rows] == ["00", "01", "02"]
    for index, row in enumerate(rows):
        mask = lesions(index)
        both = np.roll(mask, 1, 0) & mask
        assert float(row["dice"]) == both.sum() / mask.sum()
        assert float(row["challenge_avd_percent"]) == 0
        assert float(row["challenge_h95_mm"]) == pytest.approx(0.9)
        assert float(row["reference_volume_ml"]) == pytest.approx(
            mask.sum() * 0.9 * 0.9 * 6.4 / 1000
        )
        assert row["auc"] == ""
    summary = summary_of(folders / "out")
    assert summary["num_subjects"] == 3
    assert summary["evaluated"]["predictions"] == str(folders / "p")
    assert "challenge_lesion_f1" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["r", "p"])
def test_results_do_not_go_among_the_masks(folders, name, capsys):
    before = sorted(folders.rglob("*"))
    assert evaluate(*files_flags(folders, out=name)) == 1
    assert "choose another --output_dir" in capsys.readouterr().err
    assert sorted(folders.rglob("*")) == before


def test_a_training_s_work_folder_is_not_written_into(folders, capsys):
    (folders / "run/model").mkdir(parents=True)
    (folders / "run/history.csv").write_text("epoch,loss\n1,0.5\n")
    assert evaluate(*files_flags(folders, out="run")) == 1
    assert "holds history.csv" in capsys.readouterr().err
    assert (folders / "run/history.csv").read_text() == "epoch,loss\n1,0.5\n"


def test_perfect_predictions_of_any_type_and_scaling(tmp_path):
    for index, dtype in enumerate((np.float64, np.int32, np.uint8)):
        mask = lesions(index)
        save(tmp_path / f"r/s{index}.nii.gz", mask, dtype)
        image = nib.Nifti1Image(mask * 4, AFFINE)
        path = tmp_path / f"p/s{index}_pred.nii"
        path.parent.mkdir(exist_ok=True)
        image.to_filename(path)
        # A slope of a quarter, as some programs write it.
        content = bytearray(path.read_bytes())
        content[112:116] = np.float32(0.25).tobytes()
        path.write_bytes(content)
    assert evaluate(*files_flags(tmp_path)) == 0
    for row in rows_of(tmp_path / "out"):
        assert float(row["dice"]) == float(row["lesion_dice"]) == 1
        assert float(row["challenge_h95_mm"]) == 0


def test_masks_of_0_and_255_need_a_word(folders, capsys):
    for path in (folders / "p").rglob("*.nii.gz"):
        save(path, np.asarray(nib.load(path).dataobj) * 255)
    assert evaluate(*files_flags(folders)) == 1
    error = capsys.readouterr().err
    assert error.count("received 0, 255") == 3
    assert "--prediction_mask_value" in error
    assert not (folders / "out").exists()
    assert evaluate(*files_flags(folders), "--prediction_mask_value=255") == 0


def test_label_2_is_left_out_and_in_predictions_is_not_wmh(tmp_path):
    reference = lesions(0)
    reference[0:4, 0:4, 0] = 2
    prediction = lesions(0)
    prediction[0:4, 0:4, 0] = 1  # on other pathology: ignored
    prediction[0:2, 19, 7] = 2  # said to be other pathology: not WMH
    save(tmp_path / "r/a.nii.gz", reference)
    save(tmp_path / "p/a.nii.gz", prediction)
    assert evaluate(*files_flags(tmp_path)) == 0
    (row,) = rows_of(tmp_path / "out")
    assert float(row["dice"]) == float(row["lesion_precision"]) == 1
    assert row["predicted_volume_ml"] == row["reference_volume_ml"]
    (warning,) = summary_of(tmp_path / "out")["warnings"]
    assert "a.nii.gz: 2 voxels have label 2" in warning


def test_every_problem_is_named_at_once_and_nothing_is_written(folders, capsys):
    moved = AFFINE.copy()
    moved[0, 3] += 1
    paths = [folders / f"p/sub-0{i}/anat/sub-0{i}_seg.nii.gz" for i in range(3)]
    save(paths[0], lesions(0), affine=moved)
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[: len(content) // 2])
    paths[2].rename(folders / "p/sub-09_seg.nii.gz")
    assert evaluate(*files_flags(folders)) == 1
    error = capsys.readouterr().err
    assert f"{paths[0]}: on another grid" in error
    assert str(paths[1]) in error
    assert "sub-02_label-WMH_mask.nii.gz: no prediction" in error
    assert "sub-09_seg.nii.gz: no reference" in error
    assert "--skip_invalid" in error
    assert not (folders / "out").exists()


def test_skip_invalid_goes_on_and_says_without_whom(folders, capsys):
    path = folders / "p/sub-01/anat/sub-01_seg.nii.gz"
    save(path, lesions(1)[:-1])
    assert evaluate(*files_flags(folders), "--skip_invalid") == 0
    assert [r["subject_id"] for r in rows_of(folders / "out")] == ["00", "02"]
    (skipped,) = summary_of(folders / "out")["skipped"]
    assert skipped["subject"] == "subject 01"
    assert "on another grid" in skipped["reason"]
    assert str(path) in capsys.readouterr().out


def test_skip_invalid_with_nothing_left_writes_nothing(folders, capsys):
    for path in (folders / "p").rglob("*.nii.gz"):
        path.write_bytes(b"no image")
    assert evaluate(*files_flags(folders), "--skip_invalid") == 1
    assert not (folders / "out").exists()
    # No advice to do what was done.
    assert "--skip_invalid" not in capsys.readouterr().err


def test_probabilities_fill_the_auc(folders):
    for index in range(3):
        mask = lesions(index).astype(np.float32)
        name = f"sub-0{index}/anat/sub-0{index}"
        save(folders / "p" / f"{name}_probseg.nii.gz", mask * 0.5, np.float32)
    # A map that is 0 everywhere is a map all the same.
    name = "sub-01/anat/sub-01_probseg.nii.gz"
    save(folders / "p" / name, np.zeros(SHAPE), np.float32)
    flags = (*files_flags(folders), f"--probabilities={folders / 'p'}")
    assert evaluate(*flags) == 0
    auc = [float(row["auc"]) for row in rows_of(folders / "out")]
    assert auc == [1, 0.5, 1]


def test_a_table_of_pairs(folders):
    table = folders / "pairs.csv"
    table.write_text(
        "subject_id,session,site,reference,prediction\n"
        "x,1,north,r/sub-00/anat/sub-00_label-WMH_mask.nii.gz,"
        "p/sub-00/anat/sub-00_seg.nii.gz\n"
    )
    out = folders / "out"
    assert evaluate(f"--pairs={table}", f"--output_dir={out}") == 0
    (row,) = rows_of(out)
    assert [row[key] for key in KEYS] == ["x", "1", "", "north"]


def test_small_lesions_are_removed_by_flag(folders):
    flags = (*files_flags(folders), "--min_lesion_mm3=1000")
    assert evaluate(*flags) == 0
    rows = rows_of(folders / "out")
    assert {row["predicted_lesions"] for row in rows} == {"0"}
    assert {row["precision"] for row in rows} == {""}
    assert summary_of(folders / "out")["scores"]["precision"]["n_nan"] == 3


def test_another_evaluation_is_not_overwritten_by_accident(folders, capsys):
    assert evaluate(*files_flags(folders)) == 0
    assert evaluate(*files_flags(folders)) == 0
    other = (*files_flags(folders), "--min_lesion_mm3=3")
    assert evaluate(*other) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert evaluate(*other, "--overwrite") == 0


def test_probabilities_that_are_none_are_named(folders, capsys):
    wrong = {"00": np.nan, "01": 1.5, "02": -0.1}
    paths = {}
    for subject, value in wrong.items():
        values = np.zeros(SHAPE)
        values[3, 4, 5] = value
        name = f"sub-{subject}/anat/sub-{subject}_probseg.nii.gz"
        paths[subject] = folders / "p" / name
        save(paths[subject], values, np.float32)
    flags = (*files_flags(folders), f"--probabilities={folders / 'p'}")
    assert evaluate(*flags) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    lines = {s: e for e in error.splitlines() for s in wrong if f"{s}_pr" in e}
    assert f"{paths['00']}" in lines["00"]
    assert "NaN" in lines["00"]
    assert "from 0 to 1.5" in lines["01"]
    assert "from -0.1 to 0" in lines["02"]
    assert not (folders / "out").exists()


def test_probabilities_for_some_volumes_only(folders, capsys):
    name = "sub-00/anat/sub-00_probseg.nii.gz"
    save(folders / "p" / name, np.zeros(SHAPE), np.float32)
    flags = (*files_flags(folders), f"--probabilities={folders / 'p'}")
    assert evaluate(*flags) == 1
    error = capsys.readouterr().err
    assert "sub-00" not in error
    for subject in ("01", "02"):
        assert f"sub-{subject}_label-WMH_mask.nii.gz: no probability" in error
    assert not (folders / "out").exists()
    assert evaluate(*flags, "--skip_invalid") == 0
    assert [r["subject_id"] for r in rows_of(folders / "out")] == ["00"]


@pytest.fixture
def with_images(folders):
    """The same with FLAIR heads; one reference and one prediction empty."""
    for index in range(3):
        data = np.zeros(SHAPE)
        data[2:-2, 2:-2] = 100
        data[lesions(index) == 1] = 300
        name = f"sub-0{index}/anat/sub-0{index}"
        save(folders / f"i/{name}_FLAIR.nii.gz", data, np.float32)
        mask = lesions(index).astype(np.float32)
        save(folders / f"p/{name}_probseg.nii.gz", mask * 0.5, np.float32)
    nothing = np.zeros(SHAPE)
    save(folders / "r/sub-01/anat/sub-01_label-WMH_mask.nii.gz", nothing)
    save(folders / "p/sub-02/anat/sub-02_seg.nii.gz", nothing)
    return folders


def test_everything_that_is_written_is_read_back(with_images):
    root = with_images
    flags = (
        *files_flags(root),
        f"--probabilities={root / 'p'}",
        f"--images={root / 'i'}",
    )
    assert evaluate(*flags, "--num_workers=1") == 0
    results = read_evaluation(root / "out")
    assert results.summary["evaluated"]["images"] == str(root / "i")
    first, no_reference, no_prediction = results.volumes
    assert {lesion.side for lesion in first.lesions} <= {
        "left",
        "right",
        "both",
    }
    assert first.curves is not None
    assert no_reference.curves is None
    assert no_prediction.scores.auc == 1
    assert {lesion.mask for lesion in no_reference.lesions} == {"predicted"}
    assert not any(lesion.found for lesion in no_prediction.lesions)
    assert results.summary["scores"]["challenge_h95_mm"]["nan_volumes"] == 2
    assert [path.name for path in results.pictures.values()] == [
        "sub-00.png",
        "sub-01.png",
        "sub-02.png",
    ]
    assert all(
        path.read_bytes()[:4] == b"\x89PNG"
        for path in results.pictures.values()
    )
    # More workers, and no pictures: the same tables.
    more = (*flags[:2], f"--output_dir={root / 'more'}", *flags[3:])
    assert evaluate(*more, "--num_workers=3", "--nopictures") == 0
    for table in ("per_patient", "size_classes", "lesions", "curves"):
        path = f"{table}.csv"
        assert (root / "out" / path).read_bytes() == (
            root / "more" / path
        ).read_bytes()
    assert not (root / "more/pictures").exists()


def test_an_image_on_another_grid_is_named(with_images, capsys):
    path = with_images / "i/sub-01/anat/sub-01_FLAIR.nii.gz"
    moved = AFFINE.copy()
    moved[1, 3] += 2
    save(path, np.asarray(nib.load(path).dataobj), np.float32, moved)
    flags = files_flags(with_images)
    assert evaluate(*flags, f"--images={with_images / 'i'}") == 1
    assert f"{path}: on another grid" in capsys.readouterr().err
    assert not (with_images / "out").exists()


def test_the_rules_of_the_flags_reach_the_tables(folders):
    flags = (
        "--lesion_unit=px_2d",
        "--small_below=2",
        "--large_above=5",
        "--lesion_overlap=0.9",
        "--lesion_precision=any",
        "--min_lesion_mm3=1",
    )
    assert evaluate(*files_flags(folders), *flags) == 0
    results = read_evaluation(folders / "out")
    assert results.summary["evaluated"]["rules"] == {
        "size": {"unit": "px_2d", "small_below": 2.0, "large_above": 5.0},
        "lesion_overlap": 0.9,
        "lesion_precision": "any",
        "min_lesion_mm3": 1.0,
    }
    for volume in results.volumes:
        # Blocks of 3 x 2 pixels, moved by one: 4 of 6 are covered.
        assert volume.scores.lesion_recall < 0.5
        assert volume.scores.lesion_precision == 1
        assert {lesion.size_class for lesion in volume.lesions} == {"large"}
    again = (*files_flags(folders), *flags, "--lesion_overlap=0.5")
    assert evaluate(*again) == 1, "another evaluation"


def test_an_interrupt_leaves_what_was_there(folders, monkeypatch, capsys):
    from wmh_keras.evaluation import from_files

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(from_files, "read_mask", interrupt)
    assert evaluate(*files_flags(folders)) == 130
    assert not (folders / "out").exists()
    monkeypatch.undo()
    assert evaluate(*files_flags(folders)) == 0
    before = sorted((p, p.stat().st_mtime_ns) for p in folders.rglob("*.csv"))
    monkeypatch.setattr(from_files, "evaluate_patient", interrupt)
    assert evaluate(*files_flags(folders)) == 130
    after = sorted((p, p.stat().st_mtime_ns) for p in folders.rglob("*.csv"))
    assert after == before
    read_evaluation(folders / "out")
    assert "interrupted" in capsys.readouterr().err


def test_an_evaluation_of_the_first_format_is_replaced_by_flag(folders, capsys):
    out = folders / "out"
    out.mkdir()
    (out / "summary.json").write_text('{"format": 1, "evaluated": {}}')
    (out / "per_patient.csv").write_text("subject_id\n")
    assert evaluate(*files_flags(folders)) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert evaluate(*files_flags(folders), "--overwrite") == 0
    assert len(read_evaluation(out).volumes) == 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--output_dir"),
        (("--output_dir=o",), "give either"),
        (("--output_dir=o", "--references=r"), "--predictions"),
        (("--output_dir=o", "--data_dir=d"), "--model"),
        (("--output_dir=o", "--model=m", "--pairs=p"), "either"),
        (("--output_dir=o", "--references=r", "--pairs=p"), "already"),
        (
            (
                "--output_dir=o",
                "--data_dir=d",
                "--model=m",
                "--threshold=2",
            ),
            "--threshold",
        ),
        (("--output_dir=o", "--no_such_flag"), "no_such_flag"),
        (("--output_dir=o", "--pairs=p", "--images=i"), "already"),
        (
            ("--output_dir=o", "--pairs=p", "--lesion_overlap=0"),
            "--lesion_overlap",
        ),
        (
            ("--output_dir=o", "--pairs=p", "--small_below=200"),
            "--large_above",
        ),
        (("--output_dir=o", "--pairs=p", "--lesion_unit=ml"), "mm2_2d"),
    ],
)
def test_wrong_usage_is_explained(flags, message, capsys):
    assert evaluate(*flags) == 2
    assert message in capsys.readouterr().err


# --- a model ---------------------------------------------------------------


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Four small heads with masks, and the data set prepared from them."""
    from data_prep.prepare import cli as prepare

    root = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(4)
    lines = ["subject_id,session,site,split,flair,mask"]
    scans = [("a", "1"), ("a", "2"), ("b", ""), ("c", "")]
    for index, (subject, session) in enumerate(scans):
        data = rng.normal(100, 3, (32, 28, 6)).astype(np.float32)
        data[:4] = data[-4:] = 0
        mask = np.zeros(data.shape, np.uint8)
        for _ in range(5):
            x, y, z = (int(rng.integers(6, n - 8)) for n in (32, 28, 20))
            mask[x : x + 2, y : y + 3, z // 2 - 3] = 1
        data[np.roll(mask, 1, 0) == 1] = 400
        mask[8, 8, 3] = 2
        affine = AFFINE if index % 2 else np.diag([1.0, 1.0, 5.0, 1.0])
        volume = Volume(data, affine)
        stem = root / "in" / f"{subject}{session}"
        write_image(f"{stem}_FLAIR.nii.gz", data, volume)
        write_mask(f"{stem}_mask.nii.gz", mask, volume)
        split = "train" if subject == "c" else "test"
        lines.append(
            f"{subject},{session},north,{split},{stem}_FLAIR.nii.gz,"
            f"{stem}_mask.nii.gz"
        )
    (root / "cases.csv").write_text("\n".join(lines) + "\n")
    assert (
        prepare(
            [
                "wmh-prepare",
                f"--input={root / 'cases.csv'}",
                f"--data_dir={root / 'data'}",
                "--side=32",
            ]
        )
        == 0
    )
    return root


def model_flags(cohort, model, out):
    return (
        f"--data_dir={cohort / 'data'}",
        f"--model={model}",
        f"--output_dir={out}",
    )


def test_a_model_and_the_files_it_writes_give_the_same_numbers(
    cohort, bright_model_dir, tmp_path
):
    from wmh_keras.predict import cli as predict

    flags = ("--threshold=0.4", "--min_lesion_mm3=6")
    out = tmp_path / "model"
    assert evaluate(*model_flags(cohort, bright_model_dir, out), *flags) == 0
    rows = rows_of(out)
    assert [(r["subject_id"], r["session"]) for r in rows] == [
        ("a", "1"),
        ("a", "2"),
        ("b", ""),
    ]
    assert all(0 < float(row["dice"]) < 1 for row in rows)
    assert all(0.5 < float(row["auc"]) < 1 for row in rows)
    results = read_evaluation(out)
    assert [path.name for path in results.pictures.values()] == [
        "sub-a_ses-1.png",
        "sub-a_ses-2.png",
        "sub-b.png",
    ]
    assert results.summary["evaluated"]["rules"]["min_lesion_mm3"] == 6
    assert results.summary["num_subjects"] == 2
    assert list(results.summary["sites"]) == ["north"]
    assert results.history is None

    assert (
        predict(
            [
                "wmh-predict",
                f"--input={cohort / 'in'}",
                f"--model={bright_model_dir}",
                f"--output_dir={tmp_path / 'files'}",
                *flags,
            ]
        )
        == 0
    )
    table = tmp_path / "pairs.csv"
    lines = ["subject_id,session,site,reference,prediction,probability"]
    for row in rows:
        scan = row["subject_id"] + row["session"]
        lines.append(
            f"{row['subject_id']},{row['session']},north,"
            f"{cohort / 'in' / scan}_mask.nii.gz,"
            f"files/{scan}_FLAIR_mask.nii.gz,"
            f"files/{scan}_FLAIR_probability.nii.gz"
        )
    table.write_text("\n".join(lines) + "\n")
    again = tmp_path / "again"
    assert evaluate(f"--pairs={table}", f"--output_dir={again}") == 0
    assert rows_of(again) == rows
    assert summary_of(again)["scores"] == summary_of(out)["scores"]


def test_saved_predictions_give_the_same_numbers(
    cohort, bright_model_dir, tmp_path
):
    out = tmp_path / "model"
    flags = model_flags(cohort, bright_model_dir, out)
    assert evaluate(*flags, "--save_predictions") == 0
    saved = sorted(path.name for path in (out / "predictions").iterdir())
    assert saved == [
        f"sub-{scan}_{kind}.nii.gz"
        for scan in ("a_ses-1", "a_ses-2", "b")
        for kind in ("mask", "probability")
    ]
    references = tmp_path / "references"
    for scan, name in (("a1", "a_ses-1"), ("a2", "a_ses-2"), ("b", "b")):
        target = references / f"sub-{name}_label-WMH_mask.nii.gz"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((cohort / f"in/{scan}_mask.nii.gz").read_bytes())
    again = tmp_path / "again"
    assert (
        evaluate(
            f"--references={references}",
            f"--predictions={out / 'predictions'}",
            f"--probabilities={out / 'predictions'}",
            f"--output_dir={again}",
        )
        == 0
    )
    expected = [{**row, "site": ""} for row in rows_of(out)]
    assert rows_of(again) == expected


def test_subjects_are_found_in_whatever_split(
    cohort, bright_model_dir, tmp_path
):
    model = tmp_path / "run" / "model"
    shutil.copytree(bright_model_dir, model)
    (tmp_path / "run/history.csv").write_text("epoch\n1\n")
    listed = tmp_path / "subjects.txt"
    listed.write_text("sub-b\nc\n")
    out = tmp_path / "out"
    flags = model_flags(cohort, tmp_path / "run", out)
    assert evaluate(*flags, f"--subjects={listed}") == 0
    assert (out / "history.csv").read_text() == "epoch\n1\n"
    assert {row["subject_id"] for row in rows_of(out)} == {"b", "c"}
    evaluated = summary_of(out)["evaluated"]
    assert evaluated["subjects"] == ["b", "c"]
    assert evaluated["threshold"] == 0.5
    assert evaluated["data_identity"]
    assert evaluated["model"]["files"]


def test_training_subjects_are_warned_of(
    cohort, bright_model, tmp_path, capsys
):
    from data_prep.preprocess import PreprocessConfig
    from data_prep.subject_digest import subject_digest
    from wmh_keras import artifacts
    from wmh_keras.datasets import open_prepared_data
    from wmh_keras.model_info import ModelInfo

    data = open_prepared_data(cohort / "data")
    trained = {record.subject_id for record in data.select("train")}
    model = tmp_path / "model"
    info = ModelInfo(
        network="unet",
        network_arguments={"side": 32, "channels": 1, "filters": [2]},
        preprocess=PreprocessConfig(side=32),
        data_identity=data.identity,
        seen_subjects=tuple(sorted(map(subject_digest, trained))),
    )
    artifacts.save_model(model, [bright_model], info)
    flags = model_flags(cohort, model, tmp_path / "out")
    assert evaluate(*flags, "--split=train+test") == 0
    assert "1 of the evaluated subjects" in capsys.readouterr().out
    assert len(summary_of(tmp_path / "out")["warnings"]) == 1
    flags = model_flags(cohort, model, tmp_path / "unseen")
    assert evaluate(*flags) == 0
    assert summary_of(tmp_path / "unseen")["warnings"] == []

    info = dataclasses.replace(info, data_identity="that of another cohort")
    artifacts.save_model(model, [bright_model], info)
    flags = model_flags(cohort, model, tmp_path / "other")
    assert evaluate(*flags, "--split=train") == 0
    (warning,) = summary_of(tmp_path / "other")["warnings"]
    assert "unless other people bear the same ids" in warning


def test_no_such_split_data_or_model(
    cohort, bright_model_dir, tmp_path, capsys
):
    flags = model_flags(cohort, bright_model_dir, tmp_path / "out")
    assert evaluate(*flags, "--split=tset") == 1
    assert "'tset'" in capsys.readouterr().err
    flags = model_flags(cohort, tmp_path / "nowhere", tmp_path / "out")
    assert evaluate(*flags) == 1
    assert str(tmp_path / "nowhere") in capsys.readouterr().err
    flags = model_flags(tmp_path, bright_model_dir, tmp_path / "out")
    assert evaluate(*flags) == 1
    assert not (tmp_path / "out").exists()


# --- several models ----------------------------------------------------------


def test_an_ensemble_and_the_files_it_writes_give_the_same_numbers(
    cohort, bright_model_dir, softer_model_dir, tmp_path, capsys
):
    out = tmp_path / "out"
    flags = (
        *model_flags(cohort, bright_model_dir, out),
        f"--model={softer_model_dir}",
    )
    assert evaluate(*flags, "--save_predictions") == 0
    saved = out / "predictions"
    assert sorted(path.name for path in saved.iterdir()) == [
        f"sub-{scan}_{kind}.nii.gz"
        for scan in ("a_ses-1", "a_ses-2", "b")
        for kind in ("mask", "probability", "uncertainty")
    ]
    uncertainty = nib.load(saved / "sub-b_uncertainty.nii.gz")
    assert uncertainty.get_data_dtype() == np.float32
    assert 0.01 < uncertainty.get_fdata().max() <= 0.5
    results = read_evaluation(out)
    assert results.history is None
    evaluated = results.summary["evaluated"]
    assert len(evaluated["other_models"]) == 1
    assert evaluated["other_models"][0]["files"] != evaluated["model"]["files"]
    assert str(softer_model_dir) in results.summary["paths"]["model"]

    # The maps of uncertainty are neither masks nor probabilities.
    references = tmp_path / "references"
    for scan, name in (("a1", "a_ses-1"), ("a2", "a_ses-2"), ("b", "b")):
        target = references / f"sub-{name}_label-WMH_mask.nii.gz"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((cohort / f"in/{scan}_mask.nii.gz").read_bytes())
    again = tmp_path / "again"
    files = (
        f"--references={references}",
        f"--predictions={saved}",
        f"--probabilities={saved}",
        f"--output_dir={again}",
    )
    assert evaluate(*files) == 0
    assert rows_of(again) == [{**row, "site": ""} for row in rows_of(out)]

    # The same ensemble goes there again, no other does.
    turned = model_flags(cohort, softer_model_dir, out)
    assert evaluate(*turned, f"--model={bright_model_dir}") == 0
    assert evaluate(*turned) == 1
    assert "other_models" in capsys.readouterr().err
    assert evaluate(*flags, "--test_time_flips=all") == 1
    assert "test_time_flips" in capsys.readouterr().err


def test_flips_are_named_in_the_summary(cohort, bright_model_dir, tmp_path):
    plain, flipped = tmp_path / "plain", tmp_path / "flipped"
    assert evaluate(*model_flags(cohort, bright_model_dir, plain)) == 0
    flags = model_flags(cohort, bright_model_dir, flipped)
    assert evaluate(*flags, "--test_time_flips=left_right") == 0
    before = summary_of(plain)["evaluated"]
    assert set(before) == {
        "kind",
        "data_identity",
        "split",
        "subjects",
        "model",
        "threshold",
        "rules",
        "seed",
    }
    after = summary_of(flipped)["evaluated"]
    assert after == {**before, "test_time_flips": "left_right"}
    dice = [[float(r["dice"]) for r in rows_of(f)] for f in (plain, flipped)]
    assert dice[0] == dice[1], "the network is symmetric"


def test_engine_and_precision_are_in_the_summary(
    cohort, bright_model_dir, tmp_path, capsys
):
    pytest.importorskip("wmh_keras.inference.openvino_runtime")
    rows = {}
    for engine in ("jax", "openvino"):
        out = tmp_path / engine
        flags = model_flags(cohort, bright_model_dir, out)
        assert evaluate(*flags, f"--engine={engine}") == 0
        summary = json.loads((out / "summary.json").read_text())
        assert (summary["engine"], summary["precision"]) == (engine, "fp32")
        assert "precision" not in summary["evaluated"]
        rows[engine] = rows_of(out)
    for name in ("dice", "predicted_volume_ml", "challenge_h95_mm"):
        first, second = ([row[name] for row in r] for r in rows.values())
        assert first == second
    # Another engine is the same evaluation, another precision is not.
    flags = model_flags(cohort, bright_model_dir, tmp_path / "jax")
    assert evaluate(*flags, "--engine=openvino") == 0
    assert evaluate(*flags, "--engine=openvino", "--precision=bf16") == 1
    assert "other precision" in capsys.readouterr().err


def test_an_ensemble_of_slices_and_patches(
    cohort, bright_model_dir, bright_patch_model_dir, tmp_path
):
    one, both = tmp_path / "one", tmp_path / "both"
    assert evaluate(*model_flags(cohort, bright_model_dir, one)) == 0
    flags = model_flags(cohort, bright_model_dir, both)
    assert evaluate(*flags, f"--model={bright_patch_model_dir}") == 0
    dice = [[float(r["dice"]) for r in rows_of(f)] for f in (one, both)]
    assert dice[0] == dice[1], "both networks see the same voxels"


def test_every_model_s_training_is_looked_at(
    cohort, bright_model_dir, softer_model, save_model, tmp_path, capsys
):
    from data_prep.subject_digest import subject_digest

    model = save_model(
        tmp_path / "seen",
        [softer_model],
        seen_subjects=(subject_digest("b"),),
    )
    flags = model_flags(cohort, bright_model_dir, tmp_path / "out")
    assert evaluate(*flags, f"--model={model}") == 0
    (warning,) = summary_of(tmp_path / "out")["warnings"]
    assert "1 of the evaluated subjects (b)" in warning
    assert str(model) in warning
    assert warning in capsys.readouterr().out


def test_models_that_differ_need_a_flag(
    cohort, bright_model_dir, softer_model, save_model, tmp_path, capsys
):
    model = save_model(tmp_path / "m", [softer_model], min_lesion_mm3=9.0)
    out = tmp_path / "out"
    flags = (
        *model_flags(cohort, bright_model_dir, out),
        f"--model={model}",
    )
    assert evaluate(*flags) == 1
    assert "--min_lesion_mm3" in capsys.readouterr().err
    assert not out.exists()
    assert evaluate(*flags, "--min_lesion_mm3=3") == 0
    rules = summary_of(out)["evaluated"]["rules"]
    assert rules["min_lesion_mm3"] == 3


def test_an_image_that_the_data_does_not_hold(
    cohort, save_model, tmp_path, capsys
):
    from data_prep.preprocess import PreprocessConfig
    from wmh_keras.models import build_model

    model = save_model(
        tmp_path / "m",
        [build_model("unet", side=32, channels=2, filters=(2,))],
        network_arguments={"side": 32, "channels": 2, "filters": [2]},
        preprocess=PreprocessConfig(side=32, channels=("flair", "t1")),
    )
    assert evaluate(*model_flags(cohort, model, tmp_path / "out")) == 1
    assert "the model takes t1 as well" in capsys.readouterr().err
