"""MLCommons' own reader takes croissant.json, and reads the lists by it."""

import pytest

mlcroissant = pytest.importorskip("mlcroissant")


@pytest.mark.filterwarnings("ignore")
def test_mlcroissant_reads_the_lists(merged):
    data = mlcroissant.Dataset(jsonld=str(merged / "croissant.json"))
    issues = data.metadata.ctx.issues
    assert not issues.errors
    assert all("datePublished" in text for text in issues.warnings)
    cases = list(data.records("cases"))
    assert {case["cases/site"] for case in cases} == {b"north", b"south"}
    assert len(list(data.records("splits"))) == len(cases) == 6
    assert {node.uuid for node in data.metadata.distribution} == {
        "splits.csv",
        "cases.csv",
        "slices",
        "volumes",
    }


@pytest.mark.filterwarnings("ignore")
def test_a_changed_list_is_seen_by_its_checksum(received):
    path = received / "splits.csv"
    path.write_text(path.read_text().replace("train", "test"))
    data = mlcroissant.Dataset(jsonld=str(received / "croissant.json"))
    with pytest.raises(mlcroissant.GenerationError, match=r"splits\.csv"):
        list(data.records("splits"))
