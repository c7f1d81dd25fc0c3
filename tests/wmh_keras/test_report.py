"""The program as a user runs it."""

import csv
import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from matplotlib.figure import Figure

from data_prep.files import sha256_of
from wmh_keras.evaluate import cli as evaluate
from wmh_keras.report import cli
from wmh_keras.reporting import report_run
from wmh_keras.reporting.figures.illustration import Illustration

SUBJECTS = ("01", "02", "03", "04", "05", "06")
AFFINE = np.diag([1.0, 1.0, 6.0, 1.0])
FIGURES = {
    "figure_1_patient_flow",
    "figure_2a_examples",
    "figure_2b_lesion_sizes",
    "figure_2c_data_distribution",
    "figure_3_network",
    "figure_4_training",
    "figure_5a_rating_workflow",
    "figure_5b_roc",
    "figure_s1_precision_recall",
    "figure_s2_scores_by_model",
    "figure_s3_bland_altman",
    "figure_s4_found_lesions",
    "figure_s5_sites",
}


def report(*flags):
    return cli(["wmh-report", *map(str, flags)])


def save(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(np.asarray(data, np.uint8), AFFINE).to_filename(path)


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory):
    """Folders a, b, c of three tools on six patients; `short` lacks two."""
    root = tmp_path_factory.mktemp("evaluations")
    rng = np.random.default_rng(5)
    for subject in SUBJECTS:
        mask = np.zeros((24, 22, 6), np.uint8)
        for size, z in ((2, 1), (3, 2), (6, 3)):
            x, y = rng.integers(3, 14, 2)
            mask[x : x + size, y : y + size, z] = 1
        save(root / "reference" / f"sub-{subject}_mask.nii.gz", mask)
        for tool, shift in (("a", 0), ("b", 1), ("c", 2)):
            moved = np.roll(mask, shift * int(rng.integers(0, 2)), axis=0)
            save(root / tool / f"sub-{subject}_mask.nii.gz", moved)
    for tool in ("a", "b", "c"):
        assert _evaluate(root / "reference", root / tool, root / "eval" / tool)
    for subject in SUBJECTS[:2]:
        (root / f"reference/sub-{subject}_mask.nii.gz").unlink()
        (root / f"a/sub-{subject}_mask.nii.gz").unlink()
    assert _evaluate(root / "reference", root / "a", root / "eval" / "short")
    return root / "eval"


def _evaluate(references, predictions, output):
    return (
        evaluate(
            [
                "wmh-evaluate",
                f"--references={references}",
                f"--predictions={predictions}",
                f"--output_dir={output}",
            ]
        )
        == 0
    )


@pytest.fixture
def quick(monkeypatch):
    """One figure instead of all, which take seconds."""

    def make_figures(study):
        figure = Figure(figsize=(2, 2))
        figure.subplots().plot([0, len(study.evaluations)])
        yield Illustration("figure_1_patient_flow", "Figure 1. F", "c", figure)
        yield Illustration("figure_5b_roc", "Figure 5 B. R", missing="no ROC")

    monkeypatch.setattr(report_run, "make_figures", make_figures)


@pytest.fixture
def ratings(tmp_path):
    path = tmp_path / "ratings.csv"
    lines = [
        f"{subject},{rater},{score}"
        for subject, scores in zip(
            SUBJECTS, ("44", "43", "34", "33", "22", "12"), strict=True
        )
        for rater, score in zip(("Ann", "Ben"), scores, strict=True)
    ]
    path.write_text("\n".join(["subject,rater,score", *lines]) + "\n")
    return path


def folders(root, *names):
    return "--evaluations=" + ",".join(str(root / name) for name in names)


def test_the_whole_report(evaluations, ratings, tmp_path, capsys):
    out = tmp_path / "R"
    flags = (
        folders(evaluations, "a", "b", "c"),
        "--names=alpha,beta,gamma",
        f"--ratings={ratings}",
        "--rated=beta",
        "--title=A & B",
        f"--output_dir={out}",
    )
    assert report(*flags) == 0
    record = json.loads((out / "report.json").read_text())
    assert {figure["name"] for figure in record["figures"]} == FIGURES
    assert len(record["tables"]) == 11
    page = (out / "report.html").read_text()
    assert "<h1>A &amp; B</h1>" in page
    for kind, suffixes in (("tables", ("csv",)), ("figures", ("png", "svg"))):
        made = set()
        for item in record[kind]:
            assert f'id="{item["name"]}"' in page
            if not item["missing"]:
                made |= {f"{item['name']}.{suffix}" for suffix in suffixes}
        assert {path.name for path in (out / kind).iterdir()} == made
    assert (
        page.count("data:image/") == len(list((out / "figures").iterdir())) / 2
    )
    assert [e["name"] for e in record["evaluations"]] == [
        "alpha",
        "beta",
        "gamma",
    ]
    with open(out / "tables/table_5_ratings.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    (accepted,) = (
        float(row["value"])
        for row in rows
        if (row["measure"], row["rater"]) == ("acceptance rate", "median grade")
    )
    assert accepted == pytest.approx(4 / 6)
    printed = capsys.readouterr().out
    assert str(out / "report.html") in printed
    assert "not made: Figure 3" in printed


def test_the_same_twice_gives_the_same_bytes(evaluations, tmp_path, quick):
    first, second = tmp_path / "one", tmp_path / "two"
    for out in (first, second):
        assert (
            report(folders(evaluations, "a", "b"), f"--output_dir={out}") == 0
        )
    names = [p.relative_to(first) for p in first.rglob("*") if p.is_file()]
    assert len(names) > 10
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    # And into the same folder again.
    (first / "report.json").unlink()
    (first / "tables/.tmp-00000000-table_9.csv").write_text("half")
    assert report(folders(evaluations, "a", "b"), f"--output_dir={first}") == 0
    again = [p.relative_to(first) for p in first.rglob("*") if p.is_file()]
    assert sorted(again) == sorted(names)


def test_one_evaluation_and_nothing_else(evaluations, tmp_path, quick):
    out = tmp_path / "R"
    assert report(folders(evaluations, "a"), f"--output_dir={out}") == 0
    page = (out / "report.html").read_text()
    assert "--ratings" in page
    assert not (out / "tables/table_5_ratings.csv").exists()
    assert not (out / "figures/figure_5b_roc.png").exists()
    assert "no ROC" in page


def test_warnings_of_an_evaluation_come_to_the_page(
    evaluations, tmp_path, quick, capsys
):
    folder = tmp_path / "warned"
    shutil.copytree(evaluations / "a", folder)
    summary = json.loads((folder / "summary.json").read_text())
    summary["warnings"] = ["6 subjects were in the training"]
    summary["skipped"] = [
        {"subject": "subject 99", "file": "x.nii", "reason": "cannot be read"}
    ]
    (folder / "summary.json").write_text(json.dumps(summary))
    out = tmp_path / "R"
    assert report(f"--evaluations={folder}", f"--output_dir={out}") == 0
    page = (out / "report.html").read_text()
    printed = capsys.readouterr().out
    for text in (
        "warned: 6 subjects were in the training",
        "subject 99: cannot be read",
    ):
        assert text in page
        assert text in printed


def test_all_problems_in_one_list_and_nothing_written(
    evaluations, tmp_path, capsys
):
    bad = tmp_path / "ratings.csv"
    bad.write_text("subject,rater,score\n01,Ann,5\n02,Ann,x\n")
    out = tmp_path / "R"
    code = report(
        folders(evaluations, "a", "nowhere"),
        f"--ratings={bad}",
        f"--data_dir={tmp_path}",
        f"--output_dir={out}",
    )
    errors = capsys.readouterr().err
    assert code == 1
    for text in (
        str(evaluations / "nowhere"),
        f"{tmp_path}: expected a prepared data set",
        "line 2",
        "line 3",
    ):
        assert text in errors
    assert "Traceback" not in errors
    assert not out.exists()


def test_other_patients_are_refused_by_name(evaluations, tmp_path, capsys):
    out = tmp_path / "R"
    flags = folders(evaluations, "a", "short"), f"--output_dir={out}"
    assert report(*flags) == 1
    errors = capsys.readouterr().err
    assert "subject 01" in errors
    assert "subject 02" in errors
    assert "subject 03" not in errors
    assert not out.exists()


def test_a_rater_who_skipped_patients(evaluations, ratings, tmp_path, quick):
    ratings.write_text(ratings.read_text().replace("03,Ben,4\n", ""))
    out = tmp_path / "R"
    flags = (
        folders(evaluations, "a"),
        f"--ratings={ratings}",
        f"--output_dir={out}",
    )
    assert report(*flags) == 1
    assert report(*flags, "--skip_invalid") == 0
    assert "rater Ben skipped 1 of 6" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("flags", "code", "text"),
    [
        (["--output_dir=R"], 2, "--evaluations"),
        (["--evaluations=a"], 2, "--output_dir"),
        (["--evaluations=a", "--output_dir=R", "--rated=a"], 2, "--ratings"),
        (["--evaluations=a", "--output_dir=R", "--mismatch=x"], 2, "mismatch"),
        (["--evaluations=a,b", "--names=x", "--output_dir=R"], 1, "--names"),
        (["--evaluations=a,./a", "--output_dir=R"], 1, "2 times"),
        (["--evaluations=x/a,y/a", "--output_dir=R"], 1, "--names=A,B"),
        (
            ["--evaluations=a", "--ratings=r", "--rated=z", "--output_dir=R"],
            1,
            "no such model",
        ),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, capsys, flags, code, text):
    monkeypatch.chdir(tmp_path)
    assert report(*flags) == code
    assert text in capsys.readouterr().err
    assert not (tmp_path / "R").exists()


def test_another_folder_is_not_touched(evaluations, tmp_path, quick, capsys):
    out = tmp_path / "R"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    flags = folders(evaluations, "a"), f"--output_dir={out}"
    assert report(*flags) == 1
    assert "thesis.txt" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]
    assert report(*flags, "--overwrite") == 0
    assert (out / "thesis.txt").read_text() == "mine"
    other = folders(evaluations, "b"), f"--output_dir={out}"
    assert report(*other) == 1


@pytest.mark.parametrize(
    "name", ["report.html", "tables/table_mine.csv", "figures/figure_1.png"]
)
def test_another_program_s_files_are_not_taken_for_its_own(
    evaluations, tmp_path, quick, capsys, name
):
    out = tmp_path / "R"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("<html>mine</html>")
    flags = folders(evaluations, "a"), f"--output_dir={out}"
    assert report(*flags) == 1
    assert name in capsys.readouterr().err
    assert (out / name).read_text() == "<html>mine</html>"
    assert report(*flags, "--overwrite") == 0
    kept = (out / name).read_text() == "<html>mine</html>"
    assert kept == (name != "report.html")


def test_a_report_that_is_stopped_leaves_no_record(
    evaluations, tmp_path, quick, monkeypatch
):
    out = tmp_path / "R"
    flags = folders(evaluations, "a"), f"--output_dir={out}"
    assert report(*flags) == 0

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(report_run, "render_report", stop)
        assert report(*flags) == 130
    assert not (out / "report.json").exists()
    assert report(*flags) == 0
    assert (out / "report.json").exists()


def test_a_damaged_history_is_found_before_anything_is_written(
    evaluations, tmp_path, capsys
):
    folder = shutil.copytree(evaluations / "a", tmp_path / "a")
    history = folder / "history.csv"
    history.write_text("epoch,loss\n1,much\n")
    summary = folder / "summary.json"
    content = json.loads(summary.read_text())
    content["files"]["history.csv"] = sha256_of(history)
    summary.write_text(json.dumps(content))
    flags = (f"--evaluations={folder}", f"--output_dir={tmp_path / 'r'}")
    assert report(*flags) == 1
    assert f"{history}: expected" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("rules", [None, {}, {"size": {"unit": "inch"}}])
def test_a_damaged_summary_is_named(
    evaluations, tmp_path, quick, capsys, rules
):
    folder = tmp_path / "damaged"
    shutil.copytree(evaluations / "a", folder)
    summary = json.loads((folder / "summary.json").read_text())
    summary["evaluated"]["rules"] = rules
    (folder / "summary.json").write_text(json.dumps(summary))
    out = tmp_path / "R"
    assert report(f"--evaluations={folder}", f"--output_dir={out}") == 1
    assert str(folder / "summary.json") in capsys.readouterr().err
    assert not out.exists()
