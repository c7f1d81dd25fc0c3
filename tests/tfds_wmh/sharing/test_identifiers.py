"""What counts as an identifier in a text, and what does not."""

import pytest

from data_prep.dataset.pseudonyms import is_old_age
from tfds_wmh.sharing.identifiers import find_in_case, find_in_text

SOUND = {
    "volume_id": "sub-p0123456789abcdef_ses-1",
    "subject_id": "p0123456789abcdef",
    "session": "1",
    "run": "",
    "site": "north",
    "age": "71",
    "scanner": "Philips Ingenia 5.3.1",
    "relative_path": "",
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2019-03-10", "a date"),
        ("2019/3/10", "a date"),
        ("scan20190310", "a date"),
        ("20190310104500", "a date"),
        ("10.03.2019", "a date"),
        ("3/10/2019", "a date"),
        ("12/31/1999", "a date"),
        ("10.03.19", "a date"),
        ("10 Mar 2019", "a date"),
        ("10-MAR-2019", "a date"),
        ("am 10. März 2019", "a date"),
        ("March 10, 2019", "a date"),
        ("in Mar 2019", "a date"),
        ("see /home/meyer/scans", "a path"),
        ("~/study/x", "a path"),
        ("file = {:/home/meyer/paper.pdf:PDF}", "a path"),
        (r"C:\Users\meyer", "a path"),
        (r"\\server\share", "a path"),
        ("Meyer_FLAIR.nii.gz", "a file's name"),
        ("meyer@clinic.org", "an e-mail address"),
        ("MEYER^ANNA", "a name, as DICOM writes it"),
    ],
)
def test_found(text, kind):
    assert kind in dict(find_in_text(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2019",
        "1.5 T",
        "Philips 5.3.1",
        "syngo MR VB17",
        "keras 3.15.1, tensorflow 2.21.0",
        "the centre crop to 64 pixels leaves out 2362 foreground voxels (5.7%)",
        "image and/or mask, 3/4, km/h/m",
        "https://doi.org/10.3389/fmed.2021.681183",
        'builder_from_directory("DATA/tfds_wmh/slices/1.0.0")',
        "p9220190310abcdef",
        "20190310" * 8,
        "train, may or march",
    ],
)
def test_not_found(text):
    assert dict(find_in_text(text)) == {}


def test_a_sound_case_has_no_finding():
    assert [*find_in_case("cases.csv", SOUND)] == []


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("subject_id", "Meyer", "is no pseudonym"),
        ("subject_id", "p0123", "is no pseudonym"),
        ("session", "mar19", "is not a number"),
        ("run", "20190310", "is not a number"),
        ("volume_id", "sub-Meyer_ses-1", "is not sub-p0123456789abcdef_ses-1"),
        ("age", "91", "is above 89"),
        ("relative_path", "sub-Meyer/anat", "names a file"),
        ("t1_file", "Meyer", "names a file"),
        ("site", "Klinik 10.03.2019", "holds a date"),
    ],
)
def test_fields_of_a_case(field, value, reason):
    findings = [*find_in_case("cases.csv", SOUND | {field: value})]
    found = [f for f in findings if f.field == field]
    assert len(found) == 1
    assert reason in found[0].reason
    assert repr(value) in str(found[0])


@pytest.mark.parametrize(
    ("age", "old"),
    [
        ("89", False),
        ("89.9", False),
        ("90", True),
        ("091Y", True),
        ("93.5 years", True),
        ("90+", False),
        ("71", False),
        ("", False),
        ("adult", False),
    ],
)
def test_ages_above_89(age, old):
    assert is_old_age(age) == old
