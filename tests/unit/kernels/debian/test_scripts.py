# SPDX-License-Identifier: Apache-2.0
"""The scripts of a base come out of its source package, exactly that one, once."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.bases import find_base
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.kernels.base import KernelRequest
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian import fetch, scripts, unpack
from orchestrator.kernels.debian.apt import ArchiveMovedOn
from orchestrator.kernels.verified import file_sha256

NAMES = ("checkpatch.pl", "const_structs.checkpatch", "spelling.txt")
REQUEST = KernelRequest(*find_base("debian-6.1", "arm64"))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def tar_of(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


SCRIPTS = {f"linux-source-6.1/scripts/{name}": name.encode() for name in NAMES}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, bytes]], Path]:
    """Makes what a package holds; `deb_members` needs dpkg-deb."""

    def of(files: Mapping[str, bytes]) -> Path:
        (tmp_path / "x.deb").write_bytes(tar_of(files))
        return tmp_path / "x.deb"

    @contextmanager
    def members(deb: Path) -> Iterator[tarfile.TarFile]:
        with tarfile.open(deb) as archive:
            yield archive

    monkeypatch.setattr(unpack, "deb_members", members)
    return of


def test_the_scripts_are_picked_out_of_the_source(
    tmp_path: Path, package: Callable[[Mapping[str, bytes]], Path]
) -> None:
    inner = {"linux-source-6.1/scripts/other.pl": b"-", "linux-source-6.1/x/spelling.txt": b"-", **SCRIPTS}
    deb = package({"./usr/share/doc/x": b"-", "./usr/src/linux-source-6.1.tar.xz": tar_of(inner, "w:xz")})
    (tmp_path / "out").mkdir()
    scripts._unpack(deb, NAMES, tmp_path / "out")
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        name: name for name in NAMES
    }


def test_a_package_without_them_is_a_host_error(
    tmp_path: Path, package: Callable[[Mapping[str, bytes]], Path]
) -> None:
    with pytest.raises(HostError, match=r"x\.deb holds no source tarball"):
        scripts._unpack(package({"./usr/share/doc/x": b"-"}), NAMES, tmp_path)
    two = tar_of(dict(list(SCRIPTS.items())[:2]), "w:xz")
    with pytest.raises(HostError, match=r"has no scripts/spelling\.txt"):
        scripts._unpack(package({"./usr/src/x.tar.xz": two}), NAMES, tmp_path)


@dataclass
class Store:
    """A cache that holds one entry, or makes it."""

    directory: Path
    entry: str | None
    asked: list[Any] = field(default_factory=list)

    def find(self, kind: str, recipe: Mapping[str, Any]) -> str | None:
        assert (kind, recipe["deb"], recipe["files"]) == ("checkpatch", "5" * 64, list(NAMES))
        return self.entry

    def obtain(
        self, kind: str, recipe: object, make: Callable[[Path], object], *, what: str, need_bytes: int,
        deadline: Deadline,
    ) -> str:  # fmt: skip
        assert (kind, what) == ("checkpatch", "checkpatch of linux-source-6.1 6.1.2")
        assert need_bytes > 140_000_000, "the package, and what comes out of it"
        assert 1700 < deadline.remaining() <= 1800
        make(self.directory)
        return "made"

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        yield self.directory


def test_checkpatch_comes_from_the_cache_or_out_of_the_source_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SimpleNamespace(
        name="linux-source-6.1", version="6.1.2", sha256="5" * 64, size_bytes=140_000_000
    )
    resolved: Any = SimpleNamespace(source=source)
    steps: list[object] = []
    monkeypatch.setattr(scripts, "_download", lambda _cache, _request, _resolved, scratch: scratch / "x.deb")
    monkeypatch.setattr(scripts, "_unpack", lambda *words: steps.append(words))
    there: Any = Store(tmp_path, "there")
    assert scripts.obtain_scripts(there, REQUEST, resolved, NAMES, steps.append) == "there"  # type: ignore[comparison-overlap]
    assert steps == []
    missing: Any = Store(tmp_path, None)
    assert scripts.obtain_scripts(missing, REQUEST, resolved, NAMES, steps.append) == "made"  # type: ignore[comparison-overlap]
    what = "checkpatch of linux-source-6.1 6.1.2"
    assert steps == [
        f"downloading 140 MB: linux-source-6.1 6.1.2 for {what}",
        f"unpacking {what}",
        (tmp_path / "x.deb", NAMES, tmp_path),
    ]


@pytest.mark.parametrize(("given", "good"), [(b"right", True), (b"wrong", False), (None, False)])
def test_a_download_is_what_the_index_says(
    given: bytes | None, good: bool, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = tmp_path / "right"
    right.write_bytes(b"right")
    package = SimpleNamespace(name="p", version="1", sha256=file_sha256(right))
    resolved: Any = SimpleNamespace(source=package, origin=lambda _base: "o")
    calls: list[str] = []

    def download(packages: list[object], scratch: Path) -> None:
        assert packages == [package]
        calls.append("download")
        if given is not None:
            (scratch / "p.deb").write_bytes(given)

    apt = SimpleNamespace(update=lambda: calls.append("update"), download=download)
    monkeypatch.setattr(scripts, "open_apt", lambda *_words: apt)
    monkeypatch.setattr(fetch, "deb_file_name", lambda _package: "p.deb")
    if good:
        assert scripts._download(cache, REQUEST, resolved, tmp_path) == tmp_path / "p.deb"
    else:
        with pytest.raises(ArchiveMovedOn, match="another p 1 than its index says"):
            scripts._download(cache, REQUEST, resolved, tmp_path)
    assert calls == ["update", "download"]
