"""`sources.django_file`: files whose names contain keys, in folders that may be out of reach."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_multisession.core import keys
from support import old_engines
from support.old_engines import use_folder
from support.source_cases import assert_every_method_raises

ADA = {"_auth_user_id": "7", "cart": [1]}


@pytest.fixture
def previous(relations, request):
    yield from old_engines.opened("file", request)


def file_of(previous, key):
    """Return the path that Django's engine gives the file of a session."""
    return Path(previous.store(key)._key_to_file())


def test_a_session_is_found_and_removed_once(previous):
    key = previous.keep(**ADA)
    record = previous.source.find(key)
    assert record.fields["cart"] == b"[1]"
    assert [previous.source.remove(key), previous.source.remove(key)] == [True, False]
    assert previous.source.find(key) is None


def test_the_session_was_last_seen_when_its_file_was_written(previous):
    key = previous.keep(**ADA)
    written = file_of(previous, key).stat().st_mtime
    assert previous.source.find(key).last_seen_at.timestamp() == pytest.approx(written, abs=1)


def test_an_empty_file_is_a_session_that_is_being_written(previous):
    key = previous.keep(**ADA)
    file_of(previous, key).write_text("")
    assert previous.source.find(key) is None


def test_other_files_in_the_folder_are_not_listed(previous):
    key = previous.keep(**ADA)
    folder = file_of(previous, key).parent
    (folder / "README").write_text("")
    (folder / "sessionid-not-a-key").write_text("")
    assert [name for name, _ in previous.source.iterate()] == [key]
    assert previous.source.count() == 1


def test_check_raises_if_there_is_no_folder(previous, settings, monkeypatch):
    previous.source.check()
    settings.SESSION_FILE_PATH = "/does/not/exist"
    monkeypatch.delattr(previous.store, "_storage_path")
    with pytest.raises(ImproperlyConfigured):
        previous.source.check()


def test_bytes_that_are_not_text_read_as_absent(previous, session, store):
    key = previous.keep(**ADA)
    file_of(previous, key).write_bytes(b"\xff\xfe\x00garbage")
    assert dict(session(key).items()) == {}


# Folders out of reach


@contextmanager
def unprivileged():
    """Give up the rights of root, who may read and delete everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def folder(settings, monkeypatch):
    """The folder of the sessions, readable by every user."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        use_folder(folder, settings, monkeypatch)
        yield folder
        folder.chmod(0o755)


@pytest.mark.thorough  # hardly depends on versions
class TestOutage:
    def test_a_folder_that_may_not_be_read(self, previous, session, store, folder):
        key = previous.keep(**ADA)
        folder.chmod(0)
        with unprivileged():
            assert_every_method_raises(session, store.storage, key, PermissionError)
        folder.chmod(0o755)
        assert session(key).get("cart") == [1]

    def test_a_folder_that_is_gone(self, previous, session, store, folder):
        """A mount is lost, for example. Django's engine looked for the folder before that."""
        key, moved_away = previous.keep(**ADA), folder.with_name(f"{folder.name}-away")
        folder.rename(moved_away)
        try:
            assert_every_method_raises(session, store.storage, key, Exception)
        finally:
            moved_away.rename(folder)
        assert session(key).get("cart") == [1]

    def test_a_folder_where_nothing_may_be_deleted(self, previous, session, folder, caplog):
        """The session is moved, and the log shows no key, although file names contain keys."""
        key = previous.keep(**ADA)
        file_of(previous, key).chmod(0o644)
        folder.chmod(0o555)
        with unprivileged():
            assert session(key).get("cart") == [1]
            assert session(key).get("cart") == [1]
        assert keys.hash_key(key) in caplog.text
        assert key not in caplog.text
