import hashlib
import math

import pytest

from data_prep import files
from data_prep.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "deep" / "a.nii.gz"
    files.write_text(path, "old")
    with (
        pytest.raises(ZeroDivisionError),
        files.write_atomically(path) as temporary,
    ):
        assert temporary.parent == path.parent
        assert temporary.name.endswith(".nii.gz")
        temporary.write_text("half")
        1 / 0
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_leftovers_of_a_killed_writer_are_removed(tmp_path):
    for name in ("a.csv", "b.csv", "a[1].csv"):
        files.temporary_beside(tmp_path / name).write_text("half")
    folder = files.temporary_beside(tmp_path / "model")
    folder.mkdir()
    (tmp_path / "a.csv").write_text("whole")
    files.remove_temporaries(tmp_path, "a[1].csv")
    assert len(list(tmp_path.iterdir())) == 4
    files.remove_temporaries(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    files.remove_temporaries(tmp_path / "nowhere")


def test_json_goes_out_and_back(tmp_path):
    value = {"b": [1, 2.5, None], "a": "é"}
    files.write_json(tmp_path / "a.json", value)
    assert files.read_json(tmp_path / "a.json") == value


def test_nan_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"a": math.nan})
    value = {"a": [math.nan, {"b": math.inf}], "c": (1.0,)}
    assert files.nan_to_none(value) == {"a": [None, {"b": None}], "c": [1.0]}


def test_bad_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match=r"a\.json: not a JSON file"):
        files.read_json(tmp_path / "a.json")
    with pytest.raises(UserError, match=r"b\.json: cannot be read"):
        files.read_json(tmp_path / "b.json")


def test_csv_goes_out_and_back(tmp_path):
    rows = [
        {"id": "01", "x": 0.1 + 0.2, "y": None},
        {"id": 'a,"b"', "x": math.nan, "y": 3},
        {"id": "new\nline"},
    ]
    files.write_csv(tmp_path / "a.csv", ["id", "x", "y"], rows)
    read = files.read_csv(tmp_path / "a.csv")
    assert [row["id"] for row in read] == ["01", 'a,"b"', "new line"]
    assert float(read[0]["x"]) == 0.1 + 0.2
    assert [row["x"] for row in read[1:]] == ["", ""]
    assert [row["y"] for row in read] == ["", "3", ""]


def test_csv_from_a_spreadsheet(tmp_path):
    text = "\ufeffid ; x\r\n 1 ; 2\r\n;\r\n"
    (tmp_path / "a.csv").write_bytes(text.encode())
    read = files.read_csv(tmp_path / "a.csv", delimiter=";")
    assert read == [{"id": "1", "x": "2"}]


def test_lines_are_numbered_as_in_an_editor(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n\n1,2\n,\n3,4\n")
    assert files.read_numbered_csv(tmp_path / "a.csv") == [
        (3, {"a": "1", "b": "2"}),
        (5, {"a": "3", "b": "4"}),
    ]


def test_tab_separated_tables_have_no_quotes(tmp_path):
    (tmp_path / "a.tsv").write_text('id\tx\n1\t"motion\n2\twithdrawn\n')
    read = files.read_csv(tmp_path / "a.tsv", delimiter="\t")
    assert [row["x"] for row in read] == ['"motion', "withdrawn"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header"),
        (b"a,a\n1,2\n", "named twice"),
        (b"a,b\n1\n", "line 2: expected 2 fields"),
        (b"a\n\xff\xfe\n", "not a UTF-8 table"),
        (b'a,b\n1,"x\n2,y\n3,z\n', "not a UTF-8 table"),
        (b'a,b\n1,"\n2,"\n3,z\n', "several lines"),
        (b'a,b\n"1"x,2\n', "not a UTF-8 table"),
    ],
)
def test_bad_tables_are_refused(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UserError, match=rf"a\.csv.*{message}"):
        files.read_csv(tmp_path / "a.csv")


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    expected = hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert files.sha256_of(tmp_path / "a") == expected
