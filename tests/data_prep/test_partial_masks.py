"""The program wmh-partial-masks, and what wmh-prepare makes of its output."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import partial_masks, prepare
from data_prep.cases import find_cases
from data_prep.files import read_csv, sha256_of, write_json
from data_prep.nifti import read_mask, read_volume
from data_prep.nifti_writing import write_image
from data_prep.partial_masks import cli
from data_prep.phantom import PhantomConfig, make_phantom, write_cohort
from data_prep.splits import assign_splits
from data_prep.subject_digest import subject_digest
from data_prep.volume import check_same_grid

CONFIG = PhantomConfig()


def write_head(root: Path, subject: str, session: str, **changes) -> np.ndarray:
    """Writes a phantom without its mask, and returns the mask."""
    image, mask = make_phantom(dataclasses.replace(CONFIG, **changes))
    name = f"sub-{subject}_ses-{session}_FLAIR.nii.gz"
    folder = root / f"sub-{subject}" / f"ses-{session}" / "anat"
    write_image(folder / name, image.data, image)
    return mask.data


@pytest.fixture
def heads(tmp_path) -> Path:
    root = tmp_path / "heads"
    write_head(root, "a", "1", seed=3)
    write_head(root, "a", "2", seed=4, orientation="LPS")
    return root


def run(heads: Path, output_dir: Path, *flags: str) -> int:
    return cli(
        [
            "wmh-partial-masks",
            f"--input={heads}",
            f"--output_dir={output_dir}",
            *flags,
        ]
    )


def mask_of(output_dir: Path, subject: str, session: str) -> Path:
    folder = output_dir / f"sub-{subject}" / f"ses-{session}" / "anat"
    name = f"sub-{subject}_ses-{session}_label-WMH_desc-partial_mask.nii.gz"
    return folder / name


def test_masks_say_0_or_2_on_the_flair_s_grid_and_lesions_are_ignored(
    heads, tmp_path, capsys
):
    lesion = write_head(heads, "b", "1", seed=5, orientation="PIR")
    output_dir = tmp_path / "out"
    assert run(heads, output_dir) == 0
    for case in find_cases(heads, warn=lambda _: None):
        mask = read_mask(mask_of(output_dir, case.subject_id, case.session))
        check_same_grid(mask, read_volume(case.flair))
        assert set(np.unique(mask.data)) == {0, 2}
        picture = output_dir / "pictures" / f"{case.volume_id}.png"
        with Image.open(picture) as image:
            assert image.size[0] > 600
    labels = read_mask(mask_of(output_dir, "b", "1")).data
    assert (labels[lesion == 1] == 2).mean() > 0.99
    out = capsys.readouterr().out
    assert "3 partial masks" in out
    assert f"wmh-prepare --input={output_dir / 'cases.csv'}" in out


def test_one_manifest_prepares_the_study_and_the_heads(heads, tmp_path):
    study, data_dir = tmp_path / "study", tmp_path / "data"
    write_cohort(study, num_subjects=4, seed=2)
    output_dir = tmp_path / "out"
    assert run(heads, output_dir, f"--labelled={study}", "--seed=7") == 0
    for name, source, flags in (
        ("both", output_dir / "cases.csv", []),
        ("alone", study, ["--seed=7"]),
    ):
        assert (
            prepare.cli(
                [
                    "wmh-prepare",
                    f"--input={source}",
                    f"--data_dir={data_dir / name}",
                    "--side=32",
                    "--num_workers=1",
                    *flags,
                ]
            )
            == 0
        )
    both, alone = (
        {
            row["subject_id"]: row["split"]
            for row in read_csv(data_dir / name / "splits.csv")
        }
        for name in ("both", "alone")
    )
    assert both == {**alone, "a": "train"}
    cards = [
        json.loads((data_dir / name / "data_card.json").read_text())
        for name in ("both", "alone")
    ]
    volumes = [card["splits"]["train"]["volumes"] for card in cards]
    assert volumes[0] == volumes[1] + 2


def test_nobody_is_taught_and_tested(heads, tmp_path, capsys):
    study = tmp_path / "study"
    write_cohort(study, num_subjects=4, seed=2)
    for subject in ("001", "002", "003", "004"):
        write_head(heads, subject, "9", seed=int(subject))
    assert run(heads, tmp_path / "out", f"--labelled={study}") == 0
    out = capsys.readouterr().out
    rows = read_csv(tmp_path / "out" / "cases.csv")
    split_of = {r["subject_id"]: r["split"] for r in rows if not r["session"]}
    kept = {r["subject_id"] for r in rows if r["session"] == "9"}
    assert kept == {s for s, split in split_of.items() if split == "train"}
    for subject in set(split_of) - kept:
        assert f"sub-{subject}_ses-9: left out, its subject is in" in out


def test_a_labelled_scan_gets_no_partial_mask(tmp_path, capsys):
    study = tmp_path / "study"
    write_cohort(study, num_subjects=1)
    assert run(study, tmp_path / "out") == 1
    assert "sub-001: left out, it has a mask" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_a_brain_gets_a_picture_and_no_mask(
    heads, tmp_path, capsys
):
    output_dir = tmp_path / "out"
    assert run(heads, output_dir) == 0
    write_head(heads, "tiny", "1", shape=(44, 52, 10), spacing_mm=(1.5,) * 3)
    assert run(heads, output_dir) == 1
    out = capsys.readouterr().out
    assert "sub-a_ses-1: kept, its mask is there" in out
    assert "no mask, since a brain has 700 to 2200 ml" in out
    assert "1 without a mask:\n  - sub-tiny_ses-1" in out
    assert (output_dir / "pictures" / "sub-tiny_ses-1.png").exists()
    assert not mask_of(output_dir, "tiny", "1").exists()
    listed = [row["subject_id"] for row in read_csv(output_dir / "cases.csv")]
    assert listed == ["a", "a"]
    # With other limits, masks go that they do not allow, and the list too.
    assert run(heads, output_dir, "--overwrite", "--max_brain_ml=701") == 1
    assert not mask_of(output_dir, "a", "1").exists()
    assert not (output_dir / "cases.csv").exists()


def test_a_damaged_scan_is_named_and_the_others_go_on(heads, tmp_path, capsys):
    flair = heads / "sub-c" / "ses-1" / "anat" / "sub-c_ses-1_FLAIR.nii.gz"
    flair.parent.mkdir(parents=True)
    flair.write_bytes(b"no image")
    assert run(heads, tmp_path / "out") == 1
    assert str(flair) in capsys.readouterr().out
    assert len(read_csv(tmp_path / "out" / "cases.csv")) == 2


def test_a_second_run_changes_no_mask(heads, tmp_path):
    assert run(heads, tmp_path / "out") == 0
    files = sorted((tmp_path / "out").rglob("*.nii.gz"))
    before = [(file.stat().st_mtime_ns, file.read_bytes()) for file in files]
    assert run(heads, tmp_path / "out") == 0
    assert before == [(f.stat().st_mtime_ns, f.read_bytes()) for f in files]
    assert run(heads, tmp_path / "out", "--overwrite") == 0
    assert [file.read_bytes() for file in files] == [b for _, b in before]


def test_a_head_that_was_taken_out_stays_out(heads, tmp_path, capsys):
    manifest = tmp_path / "out" / "cases.csv"
    assert run(heads, manifest.parent) == 0
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if "ses-2" not in line))
    write_head(heads, "b", "1", seed=5)
    assert run(heads, manifest.parent) == 0
    assert "sub-a_ses-2: stays out" in capsys.readouterr().out
    rows = [(r["subject_id"], r["session"]) for r in read_csv(manifest)]
    assert rows == [("a", "1"), ("b", "1")]
    assert run(heads, manifest.parent, "--overwrite") == 0
    assert len(read_csv(manifest)) == 3


def test_after_an_interruption_the_next_run_finishes(
    heads, tmp_path, monkeypatch
):
    make = partial_masks._make_mask

    def stop_at_the_second(case, *rest):
        if case.session == "2":
            raise KeyboardInterrupt
        return make(case, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(partial_masks, "_make_mask", stop_at_the_second)
        assert run(heads, tmp_path / "out") == 130
    assert len(read_csv(tmp_path / "out" / "cases.csv")) == 1
    assert run(heads, tmp_path / "out") == 0
    assert len(read_csv(tmp_path / "out" / "cases.csv")) == 2


def test_a_folder_of_something_else_is_left_alone(heads, capsys):
    assert run(heads, heads) == 1
    assert "expected a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [
        ["--min_brain_ml=900", "--max_brain_ml=800"],
        ["--mask_derivative=manual"],
        ["--fractions=a,b,c"],
    ],
)
def test_flags_that_make_no_sense(heads, tmp_path, flags):
    assert run(heads, tmp_path / "out", *flags) == 2
    assert not (tmp_path / "out").exists()


def predict(
    heads: Path,
    folder: Path,
    value: float,
    *,
    model: str = "unet-1",
    seen: tuple[str, ...] | None = (),
) -> Path:
    """Writes what wmh-predict would: `value` in the upper half of x."""
    for case in find_cases(heads, warn=lambda _: None):
        flair = read_volume(case.flair)
        probability = np.full(flair.shape, 0.05, np.float32)
        probability[flair.shape[0] // 2 :] = value
        place = folder / Path(case.flair).relative_to(heads).parent
        # The names are nothing to go by.
        name = f"{case.session}_map.nii.gz"
        write_image(place / name, probability, flair)
        write_json(
            place / f"{case.session}_prediction.json",
            {
                "status": "done",
                "input_sha256": sha256_of(case.flair),
                "settings": {"model": model},
                "row": {"model_checksum": "abc", "precision": "fp32"},
                "files": {"probability": name},
                **(
                    {}
                    if seen is None
                    else {"seen_subjects": list(map(subject_digest, seen))}
                ),
            },
        )
    return folder


@pytest.mark.parametrize(("value", "label"), [(0.5, 1), (0.3, 2), (0.05, 0)])
def test_predictions_decide_where_the_brain_is_bright(
    heads, tmp_path, capsys, value, label
):
    predictions = predict(heads, tmp_path / "pred", value)
    # A scan that failed has a record without a map.
    (predictions / "x_prediction.json").write_text('{"status": "failed"}')
    assert run(heads, tmp_path / "plain") == 0
    assert run(heads, tmp_path / "out", f"--predictions={predictions}") == 0
    for session in "12":
        plain, labels = (
            read_mask(mask_of(tmp_path / name, "a", session)).data
            for name in ("plain", "out")
        )
        half = np.arange(len(labels))[:, None, None] >= len(labels) // 2
        assert (plain == 2).any()
        np.testing.assert_array_equal(
            labels, np.where((plain == 2) & half, label, 0)
        )
    out = capsys.readouterr().out
    assert "ml taken for lesions" in out
    assert "or whose orange one holds no lesions" in out


@pytest.mark.parametrize("who", ["validates or tests", "is fitted", "unknown"])
def test_says_so_where_the_model_has_seen_who_is_to_test_the_next(
    heads, tmp_path, capsys, who
):
    study = tmp_path / "study"
    write_cohort(study, num_subjects=6)
    fractions = 0.5, 0.2, 0.3
    splits = assign_splits(find_cases(study), fractions=fractions)
    kept = next(s for s, split in splits.items() if split != "train")
    fitted = next(s for s, split in splits.items() if split == "train")
    seen, expected = {
        "validates or tests": (
            (kept, "x"),
            f"has seen subjects that validate or test here: {kept}.",
        ),
        "is fitted": ((fitted, "x"), None),
        "unknown": (None, "do not say whom their model has seen"),
    }[who]
    predictions = predict(heads, tmp_path / "pred", 0.9, seen=seen)
    flags = [f"--predictions={predictions}", "--fractions=0.5,0.2,0.3"]
    assert run(heads, tmp_path / "alone", *flags) == 0
    assert "has seen" not in capsys.readouterr().out
    assert run(heads, tmp_path / "out", f"--labelled={study}", *flags) == 0
    warnings = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("warning: ") and "seen" in line
    ]
    assert len(warnings) == (expected is not None)
    assert all(expected in line for line in warnings)


@pytest.mark.parametrize("value", ["b70719f9e089e24a", {"a": 1}, [1], 3])
def test_records_with_odd_digests_are_damaged(heads, tmp_path, capsys, value):
    predictions = predict(heads, tmp_path / "pred", 0.9)
    path = next(predictions.rglob("*_prediction.json"))
    record = json.loads(path.read_text())
    write_json(path, {**record, "seen_subjects": value})
    assert run(heads, tmp_path / "out", f"--predictions={predictions}") == 1
    assert "damaged file (seen_subjects: expected" in capsys.readouterr().err


def test_what_is_taken_for_lesions_is_in_the_picture(
    heads, tmp_path, monkeypatch
):
    drawn = []
    monkeypatch.setattr(
        partial_masks,
        "write_overview",
        lambda path, tiles, **words: drawn.append(words["names"][0]),
    )
    assert run(heads, tmp_path / "plain") == 0
    for value in (0.9, 0.3):
        folder = predict(heads, tmp_path / f"pred_{value}", value)
        flag = f"--predictions={folder}"
        assert run(heads, tmp_path / f"out_{value}", flag) == 0
    ignored, lesion = drawn[0], drawn[2]
    assert "ignored" in ignored
    assert "taken for a lesion" in lesion
    assert drawn == [ignored] * 2 + [lesion] * 2 + [ignored] * 2


def test_a_head_gets_no_other_head_s_prediction(heads, tmp_path, capsys):
    """Not even one of the same name, nor one of an earlier version of it."""
    predictions = predict(heads, tmp_path / "pred", 0.9)
    flair = next(heads.rglob("*ses-1_FLAIR.nii.gz"))
    image = read_volume(flair)
    write_image(flair, image.data + 1, image)
    assert run(heads, tmp_path / "out", f"--predictions={predictions}") == 1
    out = capsys.readouterr().out
    assert "sub-a_ses-1: no mask: " in out
    assert "has no prediction of this image as it is" in out
    assert mask_of(tmp_path / "out", "a", "2").exists()
    assert not mask_of(tmp_path / "out", "a", "1").exists()


def test_the_limits_are_flags_and_need_predictions(heads, tmp_path, capsys):
    predictions = f"--predictions={predict(heads, tmp_path / 'pred', 0.3)}"
    assert run(heads, tmp_path / "out", predictions, "--lesion_from=0.3") == 0
    labels = read_mask(mask_of(tmp_path / "out", "a", "1")).data
    assert set(np.unique(labels)) == {0, 1}
    for flags, message in (
        ((predictions, "--tissue_below=0.6"), "--tissue_below: expected 0 to"),
        ((predictions, "--tissue_below=nan"), "--tissue_below: expected 0 to"),
        ((predictions, "--lesion_from=nan"), "--lesion_from: expected above 0"),
        ((predictions, "--lesion_from=0"), "--lesion_from: expected above 0"),
        (("--lesion_from=0.3",), "--lesion_from needs --predictions"),
        (("--predictions=",), "--predictions: expected a folder"),
    ):
        assert run(heads, tmp_path / "x", *flags) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_masks_made_otherwise_do_not_stay_among_new_ones(
    heads, tmp_path, capsys
):
    flag, other = (
        f"--predictions={predict(heads, tmp_path / name, 0.9, model=name)}"
        for name in ("one", "other")
    )
    out = tmp_path / "out"
    assert run(heads, out) == 0
    assert run(heads, out, flag) == 1
    assert "without --predictions" in capsys.readouterr().err
    assert run(heads, out, flag, "--overwrite") == 0
    assert run(heads, out, flag) == 0
    assert "kept, its mask is there" in capsys.readouterr().out
    for flags in ((flag, "--tissue_below=0.2"), (other,), ()):
        assert run(heads, out, *flags) == 1
        error = capsys.readouterr().err
        assert (
            "by model one (abc, fp32): 1 from probability 0.5 on, 0 b" in error
        )


def test_an_interrupted_overwrite_leaves_no_earlier_mask(
    heads, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    assert run(heads, out) == 0
    flag = f"--predictions={predict(heads, tmp_path / 'pred', 0.9)}"
    write, written = partial_masks.write_mask, []

    def stop_at_the_second(path, *arguments):
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt
        write(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(partial_masks, "write_mask", stop_at_the_second)
        assert run(heads, out, flag, "--overwrite") == 130
    first, second = written
    assert first.exists()
    assert not second.exists()
    assert len(read_csv(out / "cases.csv")) == 1
    assert run(heads, out, flag) == 0
    assert {1} <= set(np.unique(read_mask(second).data))
    assert len(read_csv(out / "cases.csv")) == 2


def test_predictions_that_do_not_fit_are_told_of(heads, tmp_path, capsys):
    flag = f"--predictions={tmp_path / 'pred'}"
    assert run(heads, tmp_path / "out", flag) == 1
    assert "expected the output folder of wmh-predict, received none" in (
        capsys.readouterr().err
    )
    predictions = predict(heads, tmp_path / "pred", 0.9)
    one, two = sorted(predictions.rglob("*.nii.gz"))
    flair = read_volume(next(heads.rglob("*ses-1_FLAIR.nii.gz")))
    write_image(one, flair.data + 2, flair)
    two.unlink()
    assert run(heads, tmp_path / "out", flag) == 1
    out = capsys.readouterr().out
    assert "sub-a_ses-1: no mask: " in out
    assert "expected probabilities from 0 to 1" in out
    assert "sub-a_ses-2: no mask: " in out
    other = make_phantom(dataclasses.replace(CONFIG, shape=(50, 52, 10)))[0]
    write_image(one, other.data / other.data.max(), other)
    assert run(heads, tmp_path / "out", flag) == 1
    assert "on another grid" in capsys.readouterr().out
    record = next(predictions.rglob("1_prediction.json"))
    record.write_text("{")
    assert run(heads, tmp_path / "out", flag) == 1
    assert f"{record}: expected the record of a pred" in capsys.readouterr().err
    predict(heads, tmp_path / "pred", 0.9)
    record.write_text(record.read_text().replace("unet-1", "unet-2"))
    assert run(heads, tmp_path / "out", flag) == 1
    assert (
        "received unet-1 (abc, fp32), unet-2 (abc, fp32)"
        in capsys.readouterr().err
    )


def test_a_mask_of_another_image_is_made_anew(heads, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(heads, out) == 0
    before = read_mask(mask_of(out, "a", "1")).data
    flair = next(heads.rglob("*ses-1_FLAIR.nii.gz"))
    image = read_volume(flair)
    write_image(flair, image.data[::-1], image)
    assert run(heads, out) == 0
    text = capsys.readouterr().out
    assert "sub-a_ses-1: its image is another one now" in text
    assert "sub-a_ses-2: kept" in text
    after = read_mask(mask_of(out, "a", "1")).data
    np.testing.assert_array_equal(after, before[::-1])
    # Nor is one kept of which nobody knows the image.
    mask = mask_of(out, "a", "2")
    mask.with_name(mask.name.replace(".nii.gz", ".json")).unlink()
    assert run(heads, out) == 0
    assert "sub-a_ses-2: its image is another" in capsys.readouterr().out


def test_a_head_that_nobody_took_out_comes_back(
    heads, tmp_path, monkeypatch, capsys
):
    out, one = tmp_path / "out", next(heads.rglob("*ses-1_FLAIR.nii.gz"))
    assert run(heads, out) == 0
    # Not asked for once, and asked for again.
    hidden = one.rename(tmp_path / "hidden.nii.gz")
    assert run(heads, out) == 0
    assert len(read_csv(out / "cases.csv")) == 1
    hidden.rename(one)
    assert run(heads, out) == 0
    assert len(read_csv(out / "cases.csv")) == 2
    # Made by a run that was killed before it could list it.
    write_head(heads, "c", "1", seed=6)
    with monkeypatch.context() as patch:
        patch.setattr(partial_masks, "write_manifest", _killed)
        with pytest.raises(SystemExit):
            run(heads, out)
    assert mask_of(out, "c", "1").exists()
    # What a person takes out after that is noticed all the same.
    manifest = out / "cases.csv"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:-1]))
    assert run(heads, out) == 0
    assert "sub-a_ses-2: stays out" in capsys.readouterr().out
    assert len(read_csv(manifest)) == 2
    assert run(heads, out, "--overwrite") == 0
    assert "stays out" not in capsys.readouterr().out
    assert len(read_csv(out / "cases.csv")) == 3
    # Taken out by a person it stays so, whatever else is asked for.
    lines = (out / "cases.csv").read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("c,")]
    (out / "cases.csv").write_text("".join(kept))
    for _ in range(2):
        assert run(heads, out) == 0
        assert "sub-c_ses-1: stays out" in capsys.readouterr().out
    assert run(heads, out, "--overwrite") == 0
    assert len(read_csv(out / "cases.csv")) == 3


def _killed(*_):
    raise SystemExit(137)


@pytest.mark.parametrize(("much", "warned"), [(0.0, 2), (0.9, 0)])
def test_much_that_is_taken_for_lesions_is_warned_of(
    heads, tmp_path, capsys, monkeypatch, much, warned
):
    monkeypatch.setattr(partial_masks, "_MUCH", much)
    flag = f"--predictions={predict(heads, tmp_path / 'pred', 0.9)}"
    assert run(heads, tmp_path / "out", flag) == 0
    assert capsys.readouterr().out.count("warning: that is much") == warned
