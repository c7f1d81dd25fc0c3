import pytest

from data_prep.errors import UserError
from data_prep.files import write_json
from wmh_keras.reporting.report_folder import PAGE_MARK, check_place, clear

INPUTS = {"evaluations": ["a", "b"], "ratings": None, "data_dir": None}


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def test_a_new_or_empty_folder(tmp_path):
    check_place(tmp_path, INPUTS)
    check_place(tmp_path / "new", INPUTS)
    assert not (tmp_path / "new").exists()


def test_a_file(tmp_path):
    write(tmp_path, "R")
    with pytest.raises(UserError, match="expected a folder, found a file"):
        check_place(tmp_path / "R", INPUTS, overwrite=True)


@pytest.mark.parametrize(
    "name", ["notes.txt", "tables/mine.csv", "figures/figure_1.pdf", "more/x"]
)
def test_something_else_is_refused_and_left_alone(tmp_path, name):
    write(tmp_path, name, "figures/figure_9_old.png")
    (tmp_path / "report.html").write_text(f"<head>{PAGE_MARK}</head>")
    with pytest.raises(UserError, match=r"found .*--overwrite"):
        check_place(tmp_path, INPUTS)
    check_place(tmp_path, INPUTS, overwrite=True)
    clear(tmp_path)
    assert (tmp_path / name).exists()
    assert not (tmp_path / "report.html").exists()
    assert not (tmp_path / "figures/figure_9_old.png").exists()


def test_what_a_killed_report_left(tmp_path):
    write(
        tmp_path,
        "tables/table_1_lesions.csv",
        "figures/.tmp-0123-figure_1_patient_flow.svg",
        ".tmp-4567-report.html",
    )
    check_place(tmp_path, INPUTS)
    clear(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_same_report_again_but_no_other(tmp_path):
    write_json(tmp_path / "report.json", {"inputs": INPUTS})
    check_place(tmp_path, INPUTS)
    other = {**INPUTS, "evaluations": ["a", "c"]}
    with pytest.raises(UserError, match="a report on other evaluations"):
        check_place(tmp_path, other)
    check_place(tmp_path, other, overwrite=True)


def test_a_record_of_something_else(tmp_path):
    write_json(tmp_path / "report.json", ["not ours"])
    with pytest.raises(UserError, match="holds a report on other"):
        check_place(tmp_path, INPUTS)
