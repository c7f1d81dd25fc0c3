import pytest

from data_prep.cases.case import Case
from data_prep.cases.manifest import is_manifest, read_manifest
from data_prep.errors import UserError


def write(folder, text, name="cases.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_all_columns_are_read(tmp_path):
    path = write(
        tmp_path,
        "subject_id,flair,mask,session,run,site,split,scanner,field_strength,"
        "age,sex,exclude_reason\n"
        "sub-01,a/f.nii.gz,a/m.nii.gz,ses-2,run-1,Bern,Test,GE,1.5,71,F,\n"
        "p2,/data/b.nii,n/a,,,,,,,,,motion\n",
    )
    first, second = read_manifest(path)
    assert first == Case(
        subject_id="01",
        images=(("flair", str(tmp_path / "a/f.nii.gz")),),
        session="2",
        run="1",
        site="Bern",
        mask=str(tmp_path / "a/m.nii.gz"),
        split="test",
        scanner="GE",
        field_strength="1.5",
        age="71",
        sex="F",
        relative_path=first.relative_path,
    )
    assert first.volume_id == "sub-01_ses-2_run-1"
    assert second.flair == "/data/b.nii"
    assert second.mask is None
    assert second.split is None
    assert second.exclude_reason == "motion"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_spreadsheets_write(tmp_path, delimiter, encoding, newline):
    rows = [
        ["Subject_ID ", " flair", "site"],
        ["1", "x.nii", "Zürich"],
        ["", "", ""],
    ]
    text = newline.join(delimiter.join(row) for row in rows) + newline
    (case,) = read_manifest(write(tmp_path, text, encoding=encoding))
    assert (case.subject_id, case.site) == ("1", "Zürich")
    assert case.flair == str(tmp_path / "x.nii")


def test_outputs_mirror_the_folder_or_the_common_one(tmp_path):
    inside = write(tmp_path, "subject_id,flair\n1,a/f.nii\n2,b/c/f.nii\n")
    paths = [case.relative_path for case in read_manifest(inside)]
    assert paths == ["a/f.nii", "b/c/f.nii"]
    outside = write(
        tmp_path, "subject_id,flair\n1,/d/x/a/f.nii\n2,../../d2/f.nii\n"
    )
    paths = [case.relative_path for case in read_manifest(outside)]
    assert len(set(paths)) == 2
    assert not any(path.startswith(("/", "..")) for path in paths)
    beside = write(tmp_path, "subject_id,flair\n1,/d/a/f.nii\n2,/d/b/f.nii\n")
    paths = [case.relative_path for case in read_manifest(beside)]
    assert paths == ["a/f.nii", "b/f.nii"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "header"),
        ("subject_id,flair\n", "received none"),
        ("subject,flair\n1,a.nii\n", r"not have subject_id.*unknown subject"),
        ("subject_id,flair,maks\n1,a.nii,b.nii\n", "unknown maks"),
        ("subject_id,flair,\n1,a.nii,\n", r"unknown \(no name\)"),
        ("subject_id,flair,flair\n1,a.nii,b.nii\n", "named twice"),
        ("subject_id,flair\n1,a.nii,c\n", "line 2"),
        ("subject_id,flair\n1,\n\n,b.nii\n3,c.nii\n", "(?s)line 2:.*line 4:"),
    ],
)
def test_faulty_manifests_say_what_is_wrong(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        read_manifest(write(tmp_path, text))
    assert "cases.csv" in str(caught.value)


def test_another_encoding_is_an_error_not_a_riddle(tmp_path):
    path = write(
        tmp_path, "subject_id,flair,site\n1,a.nii,Zürich\n", encoding="latin-1"
    )
    with pytest.raises(UserError, match="UTF-8"):
        read_manifest(path)


def test_manifests_are_known_by_name(tmp_path):
    assert is_manifest(write(tmp_path, "", "a.CSV"))
    assert is_manifest(write(tmp_path, "", "a.tsv"))
    assert not is_manifest(write(tmp_path, "", "a.nii"))
    assert not is_manifest(tmp_path)
