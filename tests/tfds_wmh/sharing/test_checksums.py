"""Placing, hashing and searching files."""

import hashlib
import os
import shutil

import pytest

from data_prep.errors import UserError
from tfds_wmh.sharing import checksums


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_is_linked_or_else_copied(tmp_path, monkeypatch, has_links):
    if not has_links:

        def refuse(*_):
            raise OSError

        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_bytes(b"records")
    checksums.place_file(tmp_path / "a", tmp_path / "deep" / "b")
    assert (tmp_path / "deep" / "b").read_bytes() == b"records"
    assert (tmp_path / "deep" / "b").samefile(tmp_path / "a") == has_links
    assert {p.name for p in (tmp_path / "deep").iterdir()} == {"b"}


def test_what_is_searched_for_is_found_across_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(checksums, "_CHUNK_BYTES", 4)
    content = b"0123456789key!abcdef"
    (tmp_path / "a").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    for needle, found in ((b"9key!a", True), (b"key?", False), (b"f", True)):
        received = checksums.digest_and_search(tmp_path / "a", [needle])
        assert received == (sha256, found)
    assert checksums.digest_and_search(tmp_path / "a") == (sha256, False)


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_text("records")

    def refuse(*_):
        raise OSError(28, "No space left on device", str(source))

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(shutil, "copyfile", refuse)
    with pytest.raises(UserError, match=r"copied to .*pack: No space left"):
        checksums.place_file(source, tmp_path / "pack" / "source")
    assert not any((tmp_path / "pack").iterdir())
