import html.parser
import re

from wmh_keras.reporting.page import ScanEntry, render_page

ENTRIES = [
    ScanEntry(
        name="<b>A&B</b>",
        volume_ml=1.5,
        facts=["2 lesions <x>"],
        warnings=["crop <took> 3"],
        thumbnails=["AAAA", "BBBB"],
        links={"mask": "a b/100%#1.nii.gz"},
    ),
    ScanEntry(name="C", volume_ml=20.0),
    ScanEntry(name="D", volume_ml=None, error='cannot "read"'),
]


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


def test_every_scan_is_there_and_escaped():
    reader = read(render_page("Title & <more>", ENTRIES))
    assert len(reader.all("article")) == 3
    assert not reader.all("b")
    assert not reader.all("x")
    text = " ".join(reader.text)
    for word in ("<b>A&B</b>", "2 lesions <x>", "crop <took> 3", "1.50 ml"):
        assert word in text
    assert 'cannot "read"' in text
    assert "3 scans, 1 failed, 1 with warnings" in text


def test_order_by_volume_and_warning():
    articles = read(render_page("t", ENTRIES)).all("article")
    volumes = [float(a["data-volume"]) for a in articles]
    assert sorted(range(3), key=lambda i: -volumes[i]) == [1, 0, 2]
    alarms = [int(a["data-alarm"]) for a in articles]
    assert sorted(range(3), key=lambda i: -alarms[i]) == [2, 0, 1]


def test_nothing_is_loaded_from_elsewhere():
    page = render_page("t", ENTRIES)
    reader = read(page)
    assert not re.search(r"(?:https?:)?//[a-z]", page)
    assert "@import" not in page
    assert "url(" not in page
    assert not reader.all("link")
    assert all("src" not in attrs for attrs in reader.all("script"))
    sources = [attrs["src"] for attrs in reader.all("img")]
    assert sources == [
        "data:image/jpeg;base64,AAAA",
        "data:image/jpeg;base64,BBBB",
    ]
    policies = [m.get("content", "") for m in reader.all("meta")]
    assert any("default-src 'none'" in policy for policy in policies)


def test_links_are_quoted():
    (link,) = read(render_page("t", ENTRIES)).all("a")
    assert link["href"] == "a%20b/100%25%231.nii.gz"


def test_no_scans():
    assert "0 scans" in render_page("t", [])


def test_a_marked_scan_is_seen_at_once_and_sorted_before_the_warned():
    marked = ScanEntry(
        name="E", volume_ml=3.0, warnings=["x"], mark="Unlike <the> others"
    )
    page = render_page("t", [*ENTRIES, marked])
    reader = read(page)
    assert "Unlike <the> others" in " ".join(reader.text)
    articles = reader.all("article")
    assert [a.get("class") for a in articles] == [None, None, None, "marked"]
    alarms = [int(a["data-alarm"]) for a in articles]
    assert sorted(range(4), key=lambda i: -alarms[i]) == [2, 3, 0, 1]
    assert "4 scans, 1 failed, 2 with warnings, 1 of them marked" in page
