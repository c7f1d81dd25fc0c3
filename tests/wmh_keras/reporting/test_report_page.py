"""The page: complete, well-formed, escaped, loads nothing."""

import dataclasses
import html.parser
import re

import pytest

from wmh_keras.reporting.report_page import FigureEntry, render_report
from wmh_keras.reporting.report_text import TextSection, manuscript_text
from wmh_keras.reporting.tables.all_tables import make_tables
from wmh_keras.reporting.tables.table import BEST, Part, Table

VOID = {"meta", "img", "input", "br"}
DRAWN = FigureEntry(
    "figure_1_patient_flow",
    "Figure 1. Flow",
    "caption",
    "",
    "data:image/png;base64,AAAA",
    9.5,
)
ABSENT = FigureEntry(
    "figure_s5_sites",
    "Figure S5. Sites",
    "",
    "no sites: --data_dir=DATA",
    "",
    0.0,
)


class Reader(html.parser.HTMLParser):
    """Notes tags and text, and that every tag is closed where it should be."""

    def __init__(self):
        super().__init__()
        self.tags, self.text, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def render(study, tables=None, figures=(DRAWN, ABSENT), warnings=(), title="T"):
    return render_report(
        title,
        study,
        make_tables(study) if tables is None else tables,
        figures,
        warnings=warnings,
        manuscript=manuscript_text(study),
    )


def test_every_table_and_figure_has_its_place_and_a_link_to_it(study):
    reader = read(render(study))
    names = [table.name for table in make_tables(study)]
    names += [DRAWN.name, ABSENT.name, "manuscript"]
    places = [attrs.get("id") for attrs in reader.all("section")]
    links = [attrs["href"] for attrs in reader.all("a")]
    for name in names:
        assert places.count(name) == 1
        assert f"#{name}" in links
    for table in make_tables(study):
        assert f"tables/{table.name}.csv" in links
    assert f"figures/{DRAWN.name}.svg" in links
    assert f"figures/{ABSENT.name}.svg" not in links
    text = " ".join(reader.text)
    for table in make_tables(study):
        for part in table.parts:
            for row in part.rows:
                for cell in row:
                    for line in cell.removeprefix(BEST).split("\n"):
                        assert line in text


def test_a_figure_is_as_wide_as_it_was_drawn(study):
    narrow = dataclasses.replace(DRAWN, inches=4.75)
    (image,) = read(render(study, figures=[narrow, ABSENT])).all("img")
    assert image["style"] == "--inches: 4.75"


def test_what_is_missing_says_why(make_study):
    study = make_study(models=1, ratings=False, data=False, curves=False)
    text = "".join(read(render(study)).text)
    assert "No ratings were given: --ratings=FILE.csv" in text
    assert "no sites: --data_dir=DATA" in text


def test_nothing_is_loaded_from_elsewhere(study):
    page = render(study)
    reader = read(page)
    assert not re.search(r"(?:https?:)?//[a-z]", page)
    assert "@import" not in page
    assert "url(" not in page
    assert not reader.all("link")
    assert not reader.all("script")
    sources = [attrs["src"] for attrs in reader.all("img")]
    assert sources == ["data:image/png;base64,AAAA"]
    assert all(attrs["alt"] for attrs in reader.all("img"))
    (policy,) = (
        m["content"]
        for m in reader.all("meta")
        if "content" in m and "http-equiv" in m
    )
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy


def test_warnings_come_before_every_number_and_all_of_them(study):
    warnings = [f"warning number {i}" for i in range(30)]
    page = render(study, warnings=warnings)
    assert "30 warnings" in page
    for warning in warnings:
        assert page.index(warning) < page.index("ROC AUC")
    assert "not a medical device" in page
    assert 'id="warnings"' not in render(study)


def test_hostile_names_stay_text(study):
    evil = '<img src=x onerror="alert(1)">&amp;</td>'
    evaluation = dataclasses.replace(study.evaluations[0], name=evil)
    hostile = dataclasses.replace(
        study, evaluations=(evaluation,), comparison=None, ratings=None
    )
    table = Table(
        name="table_1_lesions",
        title=evil,
        parts=[Part((evil, evil), [(evil, f"{BEST}{evil}\n{evil}")], evil)],
        notes=[evil],
    )
    figure = FigureEntry(
        "figure_1", evil, evil, "", "data:image/png;base64,A", 9.5
    )
    page = render(
        hostile, [*make_tables(hostile), table], [figure], [evil], evil
    )
    reader = read(page)
    assert [attrs["src"] for attrs in reader.all("img")] == [figure.source]
    assert not any("onerror" in attrs for _, attrs in reader.tags)
    assert "".join(reader.text).count(evil) > 10


def test_the_best_is_bold_and_lines_stay_lines(study):
    part = Part(("a", "b"), [("x", f"{BEST}0.9\n[1]"), ("y", "0.8")])
    table = Table(name="table_4_x", title="Table 4", parts=[part])
    page = render(study, tables=[table])
    assert "<strong>0.9<br>[1]</strong>" in page
    assert page.count("<strong>0.") == 1
    assert BEST not in page


def test_many_rows_are_folded(study):
    page = render(study)
    start = page.index('id="table_s3_pairwise_tests"><h3>')
    assert page[start:].index("<details>") < page[start:].index("<table>")


@pytest.mark.parametrize("models", [1, 2])
def test_one_and_two_models(make_study, models):
    study = make_study(models=models)
    text = "".join(read(render(study)).text)
    assert f"{models} model{'s' if models > 1 else ''}: unet" in text


def test_a_flag_in_a_note_is_not_broken(study):
    assert "<code>--data_dir=DATA</code>" in render(study)


def test_an_empty_manuscript(study):
    page = render_report(
        "T", study, [], [], warnings=[], manuscript=[TextSection("R", ())]
    )
    read(page)
