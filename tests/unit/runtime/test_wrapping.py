"""Is a root key replaced in its file so that what the older one wrapped still opens, and nobody else can read either?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.runtime.settings import Settings
from shared.runtime.wrapping import (
    ROOT_KEY_FILE,
    RootKeys,
    SealBroken,
    WrongRootKey,
    add_root_key,
    drop_older_root_keys,
    load_root_keys,
)

SECRET = bytes(range(32))


def test_what_an_older_root_key_wrapped_opens_behind_a_newer_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    before = load_root_keys(settings)
    kept = before.wrap(SECRET, "tenant", "north")
    newest = add_root_key(tmp_path)
    after = load_root_keys(settings)
    assert after.newest == newest != before.newest
    for root in (before.newest, ""):  # named, or not written down
        assert after.unwrap(root, kept, "tenant", "north") == SECRET
    assert after.marks[1:] == before.marks
    assert (tmp_path / ROOT_KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / ROOT_KEY_FILE).parent.iterdir()] == [ROOT_KEY_FILE.name]


def test_a_process_looks_again_when_it_meets_a_root_key_that_it_does_not_know(tmp_path: Path) -> None:
    running = load_root_keys(Settings(home=tmp_path))
    add_root_key(tmp_path)
    newer = load_root_keys(Settings(home=tmp_path))
    assert running.unwrap(newer.newest, newer.wrap(SECRET, "tenant", "north"), "tenant", "north") == SECRET
    assert running.newest == newer.newest


def test_without_the_root_key_that_is_named_nothing_opens(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    before = load_root_keys(settings)
    kept = before.wrap(SECRET, "tenant", "north")
    add_root_key(tmp_path)
    assert drop_older_root_keys(tmp_path) == 1
    assert drop_older_root_keys(tmp_path) == 0
    after = load_root_keys(settings)
    with pytest.raises(WrongRootKey):
        after.unwrap(before.newest, kept, "tenant", "north")
    with pytest.raises(SealBroken):
        after.unwrap("", kept, "tenant", "north")


def test_a_wrap_opens_for_what_it_is_the_key_of_and_for_nothing_else() -> None:
    roots = RootKeys([os.urandom(32)])
    kept = roots.wrap(SECRET, "tenant", "north")
    for names in (("tenant", "south"), ("lookup", "north"), ("tenant", "nort", "h"), ()):
        with pytest.raises(SealBroken):
            roots.unwrap(roots.newest, kept, *(names or ("x",)))


def test_an_id_tells_nothing_of_its_key() -> None:
    key = os.urandom(32)
    roots = RootKeys([key])
    assert roots.newest not in key.hex()
    assert len(roots.newest) == 12
    assert RootKeys([key]).newest == roots.newest != RootKeys([os.urandom(32)]).newest
