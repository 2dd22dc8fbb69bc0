# SPDX-License-Identifier: Apache-2.0
"""The cache: whole entries or none, made once, damage noticed, space accounted for."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.kernels import cache as cache_module
from orchestrator.kernels.cache import Cache, CacheEntry, key_of
from orchestrator.kernels.images import prune_images
from orchestrator.paths import cache_dir

Maker = Callable[[Path], dict[str, str]]


def make_file(content: bytes = b"x" * 100) -> Maker:
    def make(directory: Path) -> dict[str, str]:
        (directory / "file").write_bytes(content)
        return {"compiler": "cc"}

    return make


def never(_: Path) -> dict[str, str]:
    raise AssertionError("made again")


def obtain(cache: Cache, number: int, make: Maker, need_bytes: int = 0) -> CacheEntry:
    deadline = Deadline.after(10, "an entry")
    return cache.obtain(
        "kind", {"n": number}, make, what=f"entry {number}", need_bytes=need_bytes, deadline=deadline
    )


def leftovers(root: Path) -> list[Path]:
    return [*(root / "tmp").iterdir(), *root.glob("store/*/*")]


def test_an_entry_is_made_once_and_found_again(tmp_path: Path) -> None:
    made = obtain(Cache(tmp_path), 1, make_file())
    found = obtain(Cache(tmp_path), 1, never)
    assert found.file("file").read_bytes() == b"x" * 100
    assert found.meta == made.meta
    assert found.meta.facts == {"compiler": "cc"}
    assert found.size_bytes == 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_keys_do_not_depend_on_the_order_of_names(recipe: dict[str, object]) -> None:
    backwards = dict(reversed(recipe.items()))
    assert key_of("a", recipe) == key_of("a", backwards)
    assert key_of("a", recipe) != key_of("b", recipe)
    assert key_of("a", recipe) != key_of("a", {**recipe, "another": 1, "": 2, "x" * 50: 3})


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def make(directory: Path) -> dict[str, str]:
        (directory / "half").write_bytes(b"x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obtain(Cache(tmp_path), 1, make)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_how_to_free_space(tmp_path: Path, number: int) -> None:
    def make(directory: Path) -> dict[str, str]:
        raise OSError(number, os.strerror(number))

    with pytest.raises(HostError, match="no space left in the cache") as caught:
        obtain(Cache(tmp_path), 1, make)
    assert "oomlab images prune" in caught.value.hint
    assert leftovers(tmp_path) == []


def test_too_little_space_is_noticed_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "orchestrator.kernels.cache.shutil.disk_usage", lambda _: SimpleNamespace(free=5_000_000)
    )
    with pytest.raises(HostError, match="80 MB needed, 5 MB free") as caught:
        obtain(Cache(tmp_path), 1, never, need_bytes=80_000_000)
    assert "oomlab images prune" in caught.value.hint


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    def make(directory: Path) -> dict[str, str]:
        raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        obtain(Cache(tmp_path), 1, make)


@pytest.mark.parametrize("damage", ["truncate", "remove", "meta"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: str) -> None:
    entry = obtain(Cache(tmp_path), 1, make_file())
    if damage == "truncate":
        entry.file("file").write_bytes(b"x")
    elif damage == "remove":
        entry.file("file").unlink()
    else:
        entry.file("meta.json").write_text("{")
    again = obtain(Cache(tmp_path), 1, make_file(b"y" * 50))
    assert again.file("file").read_bytes() == b"y" * 50


def test_a_changed_byte_is_found_when_checksums_are_asked_for(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entry = obtain(cache, 1, make_file())
    entry.file("file").write_bytes(b"y" * 100)
    assert entry.is_whole()
    assert not entry.is_whole(checksums=True)
    assert cache.find_file("kind", "file", entry.sha256("file")) is None


def test_a_file_is_found_by_its_checksum(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entry = obtain(cache, 1, make_file())
    found = cache.find_file("kind", "file", entry.sha256("file"))
    assert found is not None
    assert found.path == entry.path
    assert cache.find_file("other", "file", entry.sha256("file")) is None


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    barrier = Barrier(4)
    made: list[int] = []

    def make(directory: Path) -> dict[str, str]:
        made.append(1)
        return make_file()(directory)

    def one(_: int) -> bytes:
        barrier.wait()
        return obtain(Cache(tmp_path), 1, make).file("file").read_bytes()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(one, range(4))) == {b"x" * 100}
    assert made == [1]


def test_a_lock_that_stays_taken_is_a_deadline(tmp_path: Path) -> None:
    first, second = Cache(tmp_path), Cache(tmp_path)
    soon = Deadline.after(0.05, "the other")
    with (
        first.lock("name", Deadline.after(10, "a")),
        pytest.raises(DeadlinePassed, match="another oomlab"),
        second.lock("name", soon),
    ):
        raise AssertionError


def test_one_flipped_bit_is_not_handed_out_but_made_again(tmp_path: Path) -> None:
    file = obtain(Cache(tmp_path), 1, make_file()).file("file")
    sound = file.read_bytes()
    file.write_bytes(bytes([sound[0] ^ 1]) + sound[1:])
    assert Cache(tmp_path).find("kind", {"n": 1}) is None
    assert obtain(Cache(tmp_path), 1, make_file()).file("file").read_bytes() == sound
    assert not list((tmp_path / "tmp").iterdir())


def aged(entry: CacheEntry, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(entry.file("meta.json"), (then, then))


def test_prune_by_age(tmp_path: Path) -> None:
    old, new = (obtain(Cache(tmp_path), number, make_file()) for number in (1, 2))
    aged(old, 1000)
    pruned = Cache(tmp_path).prune(unused_for_s=500)
    assert [entry.key for entry in pruned.removed] == [old.key]
    assert [entry.key for entry in Cache(tmp_path).entries()] == [new.key]


def test_prune_to_a_size_takes_the_least_recently_used_first(tmp_path: Path) -> None:
    entries = [obtain(Cache(tmp_path), number, make_file()) for number in range(4)]
    for age, entry in enumerate(entries):
        aged(entry, 1000 - age)
    Cache(tmp_path).prune(keep_bytes=250)
    assert [entry.key for entry in Cache(tmp_path).entries()] == [entry.key for entry in entries[2:]]


def test_use_makes_young(tmp_path: Path) -> None:
    entry = obtain(Cache(tmp_path), 1, make_file())
    aged(entry, 1000)
    obtain(Cache(tmp_path), 1, never)
    assert Cache(tmp_path).prune(unused_for_s=500).removed == ()


def test_what_another_run_uses_stays(tmp_path: Path) -> None:
    running = Cache(tmp_path)
    entry = obtain(running, 1, make_file())
    pruned = Cache(tmp_path).prune(everything=True)
    assert [kept.key for kept in pruned.in_use] == [entry.key]
    assert entry.file("file").exists()
    del running
    assert len(Cache(tmp_path).prune(everything=True).removed) == 1
    assert leftovers(tmp_path) == []


def test_prune_sweeps_what_killed_runs_left(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.scratch() as alive:
        dead = tmp_path / "tmp" / "dead"
        dead.mkdir()
        cache.prune(everything=True)
        assert alive.exists()
        assert not dead.exists()


def test_scratch_in_memory_is_private_and_goes_away(tmp_path: Path) -> None:
    with Cache(tmp_path).scratch(memory_bytes=1000) as path:
        assert path.stat().st_mode & 0o777 == 0o700
        assert path.parent.stat().st_mode & 0o077 == 0 or path.is_relative_to(tmp_path)
    assert not path.exists()


def test_without_room_in_memory_scratch_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "memory_parent", lambda _: None)
    with Cache(tmp_path).scratch(memory_bytes=1) as path:
        assert path.is_relative_to(tmp_path)


def test_without_room_in_memory_and_on_disk_it_is_said_before_anything_is_unpacked(tmp_path: Path) -> None:
    with (
        pytest.raises(HostError, match=r"no space in the cache for unpacked files: \d+ MB needed"),
        Cache(tmp_path).scratch(memory_bytes=1 << 60),
    ):
        pass


def test_pruning_everything_forgets_versions_and_index() -> None:
    for name in ("apt", "bases"):
        (cache_dir() / name).mkdir(parents=True)
    prune_images(unused_for_s=1)
    assert (cache_dir() / "apt").exists()
    prune_images(everything=True)
    assert not any((cache_dir() / name).exists() for name in ("apt", "bases"))


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="cannot write to the cache"):
        obtain(Cache(tmp_path / "file"), 1, never)


def test_a_workshop_is_an_entry_with_the_size_that_was_counted_and_can_be_pruned(tmp_path: Path) -> None:
    working = Cache(tmp_path)
    path = working.workshop("tree", "linux", "linux")
    (path / "source").mkdir()
    working.note_size(path, "tree", "linux", 12_345)
    assert working.workshop("tree", "linux", "linux") == path
    other = Cache(tmp_path)
    (entry,) = other.entries()
    assert (entry.meta.kind, entry.meta.what, entry.size_bytes) == ("tree", "linux", 12_345)
    assert other.prune(everything=True).in_use == (entry,)
    del working
    assert other.prune(everything=True).removed == (entry,)
    assert not path.exists()
