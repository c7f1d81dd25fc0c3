"""Pseudonyms: one-way, stable, and nothing else left of an id."""

import hashlib
import hmac
import stat

import pytest

from data_prep.cases.case import Case
from data_prep.dataset.pseudonyms import Pseudonyms, read_or_make_key
from data_prep.errors import UserError

KEY = bytes(range(32))


def make_case(subject, session="", run="", **more) -> Case:
    path = f"/home/clinic/sub-{subject}/{session}_FLAIR.nii.gz"
    return Case(
        subject, (("flair", path),), session, run, relative_path=path, **more
    )


def test_subject_is_hmac_sha256():
    named = Pseudonyms([make_case("Meyer42")], KEY).case(make_case("Meyer42"))
    digest = hmac.new(KEY, b"Meyer42", hashlib.sha256).hexdigest()
    assert named.subject_id == "p" + digest[:16]
    assert named.relative_path == ""
    assert named.flair == make_case("Meyer42").flair  # still to be read


def test_subject_keeps_the_name_in_other_company():
    alone = Pseudonyms([make_case("a")], KEY).case(make_case("a"))
    both = Pseudonyms([make_case("b"), make_case("a")], KEY)
    assert both.case(make_case("a")).subject_id == alone.subject_id
    assert both.case(make_case("b")).subject_id != alone.subject_id
    other = Pseudonyms([make_case("a")], bytes(32)).case(make_case("a"))
    assert other.subject_id != alone.subject_id


@pytest.mark.parametrize(
    ("age", "named"), [("89", "89"), ("93", "90+"), ("091Y", "90+"), ("", "")]
)
def test_ages_above_89_become_one(age, named):
    case = make_case("a", age=age)
    assert Pseudonyms([case], KEY).case(case).age == named


def test_sessions_become_their_order():
    cases = [make_case("a", name) for name in ("20190310", "20180101", "")]
    cases += [make_case("b", name) for name in ("v10", "v9")]
    names = Pseudonyms(cases, KEY)
    assert [names.case(case).session for case in cases] == [
        "2",
        "1",
        "",
        "2",
        "1",
    ]


def test_runs_are_numbered_within_a_session():
    cases = [make_case("a", "1", run) for run in ("5", "12")]
    names = Pseudonyms(cases, KEY)
    assert [names.case(case).run for case in cases] == ["1", "2"]


@pytest.mark.parametrize(
    "text",
    [
        "same as Meyer42",
        "the scan of sub-Meyer42_ses-1 moved",
        "see /home/clinic/sub-Meyer42/1_FLAIR.nii.gz",
        "Meyer42_copy.nii.gz is damaged",
        "Meyer42.",
    ],
)
def test_free_text_loses_ids_and_paths(text):
    names = Pseudonyms([make_case("Meyer42", "1")], KEY)
    assert "Meyer42" not in names.text(text)
    assert "clinic" not in names.text(text)


def test_free_text_keeps_the_rest():
    names = Pseudonyms([make_case("4")], KEY)
    text = "expected shape (40, 40), received 2.54 mm"
    assert names.text(text) == text


def test_key_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys" / "key"
    key = read_or_make_key(path, tmp_path / "data")
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_make_key(path, tmp_path / "data") == key
    assert read_or_make_key(tmp_path / "other", tmp_path / "data") != key


def test_key_never_lies_with_the_data(tmp_path):
    with pytest.raises(UserError, match="must not travel"):
        read_or_make_key(tmp_path / "data" / "x" / "key", tmp_path / "data")


@pytest.mark.parametrize("text", ["no hexadecimal", "abcd", ""])
def test_bad_keys_are_refused(tmp_path, text):
    (tmp_path / "key").write_text(text)
    with pytest.raises(UserError, match="key: expected"):
        read_or_make_key(tmp_path / "key", tmp_path / "data")
