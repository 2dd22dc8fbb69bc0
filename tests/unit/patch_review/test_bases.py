# SPDX-License-Identifier: Apache-2.0
"""Where the sources of bases and their checkpatch come from, and what is said when they cannot be had."""

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

from orchestrator.arch import ARCHS, Arch
from orchestrator.bases import BASES, Base
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.kernels.build.patch import Applied, Patch
from orchestrator.kernels.build.tree import TreeFile
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian import fetch
from orchestrator.kernels.verified import file_sha256
from orchestrator.patch_review import bases, checkpatch
from orchestrator.patch_review.applicability import Kind, Verdict
from orchestrator.patch_review.bases import SCOPE, load_sources
from orchestrator.patch_review.checkpatch import FILES, Finding, read_findings, run_checkpatch
from orchestrator.patch_review.source_file import SourceFile

PATH = f"{SCOPE}/x.c"


def quiet(text: str) -> None:
    """Nobody listens."""


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.mark.parametrize("arch", ARCHS)
def test_of_bases_with_one_source_the_first_is_asked(
    arch: str, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(_cache: Cache, base: Base, own: Arch, _progress: object) -> str:
        assert own is ARCHS[arch]
        asked.append(base.name)
        if base.name == "debian-6.1":
            raise HostError("gone")
        return base.name

    monkeypatch.setattr(bases, "require", lambda _needs: None)
    monkeypatch.setattr(bases, "_load", load)
    sources, failures = load_sources(cache, arch, quiet)
    own = [base for base in BASES.values() if arch in base.archs]
    packages = dict.fromkeys(base.source_name for base in own)
    assert asked == [next(base.name for base in own if base.source_name == name) for name in packages]
    assert failures == ["debian-6.1: gone"]
    assert [str(source) for source in sources] == [name for name in asked if name != "debian-6.1"]


def test_an_unknown_architecture_and_a_host_that_lacks_programs(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="unknown architecture 'mips'"):
        load_sources(cache, "mips", quiet)

    def lacking(_needs: object) -> None:
        raise HostError("patch is missing", hint="install it")

    monkeypatch.setattr(bases, "require", lacking)
    assert load_sources(cache, "arm64", quiet) == ([], ["patch is missing: install it"])


@pytest.mark.parametrize(
    ("recorded", "cached", "stages"),
    [(True, True, ("patch",)), (True, False, ("patch", "fetch")), (False, True, ("patch", "fetch"))],
)
def test_the_archive_s_programs_are_needed_only_for_what_is_not_there(
    recorded: bool, cached: bool, stages: tuple[str, ...], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "recorded_base", lambda *_: "resolved" if recorded else None)
    monkeypatch.setattr(bases, "_cached_source", lambda *_: "entry" if cached else None)
    monkeypatch.setattr(bases, "needs_of", lambda *words: words)
    base = BASES["debian-6.1"]
    found: object = bases._needs(cache, [base, base], ARCHS["arm64"])
    assert found == ("arm64", *stages)


@pytest.mark.parametrize("cached", [True, False])
def test_a_source_is_taken_from_the_cache_or_fetched(
    cached: bool, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SCOPE).mkdir(parents=True)
    (tmp_path / PATH).write_bytes(b"int x\xff;\n")
    entry = SimpleNamespace(path=tmp_path)
    fetched: list[str] = []

    def fetch_base(_cache: Cache, base: Base, _arch: Arch, *, scope: str, progress: object) -> object:
        assert (scope, progress) == (SCOPE, quiet)
        fetched.append(base.name)
        return SimpleNamespace(resolved="fetched", source=entry)

    def cached_source(_cache: Cache, resolved: str) -> object:
        assert resolved == "recorded"
        return entry if cached else None

    monkeypatch.setattr(fetch, "recorded_base", lambda *_: "recorded")
    monkeypatch.setattr(fetch, "fetch_base", fetch_base)
    monkeypatch.setattr(bases, "_cached_source", cached_source)
    source = bases._load(cache, BASES["debian-6.1"], ARCHS["arm64"], quiet)
    assert source.name == "debian-6.1"
    assert str(source.resolved) == ("recorded" if cached else "fetched")
    assert source.files[PATH].text.encode(errors="surrogateescape") == b"int x\xff;\n"
    assert fetched == ([] if cached else ["debian-6.1"])


BEFORE = {PATH: SourceFile(PATH, "a\n")}
VERDICT = Verdict(Kind.APPLIES, ("odd",), "diff\n", result={PATH: SourceFile(PATH, "b\n")})


@pytest.mark.parametrize(
    ("after", "words", "refused"),
    [
        (b"b\n", (), None),
        (b"c\n", (), "patch(1) makes something else of the restored patch"),
        (b"b\n", ("fuzz",), "patch(1) makes something else of the restored patch"),
        (None, (), "does not apply"),
    ],
)
def test_a_verdict_is_proven_by_patch(
    after: bytes | None, words: tuple[str, ...], refused: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apply(patch: Patch, tree: Mapping[str, TreeFile], scope: str, *, target: str) -> Applied:
        assert patch.content == b"diff\n"
        assert (tree[PATH].content, scope, target) == (b"a\n", SCOPE, "a base")
        if after is None:
            raise InputError("does not apply")
        return Applied({PATH: TreeFile(after)}, words)

    monkeypatch.setattr(bases, "apply_patch", apply)
    found = bases._proven(VERDICT, BEFORE, "a base")
    if refused is None:
        assert found == VERDICT
    else:
        assert (found.kind, found.remarks, found.text) == (Kind.REFUSED, ("odd", refused), "")


def tar_of(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


SCRIPTS = {f"linux-source-6.1/scripts/{name}": name.encode() for name in FILES}


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

    monkeypatch.setattr(checkpatch, "deb_members", members)
    return of


def test_the_scripts_are_picked_out_of_the_source(
    tmp_path: Path, package: Callable[[Mapping[str, bytes]], Path]
) -> None:
    inner = {"linux-source-6.1/scripts/other.pl": b"-", "linux-source-6.1/x/spelling.txt": b"-", **SCRIPTS}
    deb = package({"./usr/share/doc/x": b"-", "./usr/src/linux-source-6.1.tar.xz": tar_of(inner, "w:xz")})
    (tmp_path / "out").mkdir()
    checkpatch._unpack(deb, tmp_path / "out")
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        name: name for name in FILES
    }


def test_a_package_without_them_is_a_host_error(
    tmp_path: Path, package: Callable[[Mapping[str, bytes]], Path]
) -> None:
    with pytest.raises(HostError, match=r"x\.deb holds no source tarball"):
        checkpatch._unpack(package({"./usr/share/doc/x": b"-"}), tmp_path)
    two = tar_of(dict(list(SCRIPTS.items())[:2]), "w:xz")
    with pytest.raises(HostError, match=r"has no scripts/spelling\.txt"):
        checkpatch._unpack(package({"./usr/src/x.tar.xz": two}), tmp_path)


@dataclass
class Store:
    """A cache that holds one entry, or makes it."""

    directory: Path
    entry: str | None
    asked: list[Any] = field(default_factory=list)

    def find(self, kind: str, recipe: Mapping[str, Any]) -> str | None:
        assert (kind, recipe["deb"], recipe["files"]) == ("checkpatch", "5" * 64, list(FILES))
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
    monkeypatch.setattr(checkpatch, "_download", lambda _cache, _resolved, scratch: scratch / "x.deb")
    monkeypatch.setattr(checkpatch, "_unpack", lambda *paths: steps.append(paths))
    there: Any = Store(tmp_path, "there")
    assert checkpatch.obtain_checkpatch(there, resolved, steps.append) == "there"  # type: ignore[comparison-overlap]
    assert steps == []
    missing: Any = Store(tmp_path, None)
    assert checkpatch.obtain_checkpatch(missing, resolved, steps.append) == "made"  # type: ignore[comparison-overlap]
    what = "checkpatch of linux-source-6.1 6.1.2"
    assert steps == [
        f"downloading 140 MB: linux-source-6.1 6.1.2 for {what}",
        f"unpacking {what}",
        (tmp_path / "x.deb", tmp_path),
    ]


@pytest.mark.parametrize(("given", "good"), [(b"right", True), (b"wrong", False), (None, False)])
def test_a_download_is_what_the_index_says(
    given: bytes | None, good: bool, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = tmp_path / "right"
    right.write_bytes(b"right")
    package = SimpleNamespace(name="p", version="1", sha256=file_sha256(right))
    resolved: Any = SimpleNamespace(source=package, arch="arm64", base="debian-6.1", origin=lambda _base: "o")
    calls: list[str] = []

    def download(packages: list[object], scratch: Path) -> None:
        assert packages == [package]
        calls.append("download")
        if given is not None:
            (scratch / "p.deb").write_bytes(given)

    apt = SimpleNamespace(update=lambda: calls.append("update"), download=download)
    monkeypatch.setattr(checkpatch, "open_apt", lambda *_words: apt)
    monkeypatch.setattr(checkpatch, "deb_file_name", lambda _package: "p.deb")
    if good:
        assert checkpatch._download(cache, resolved, tmp_path) == tmp_path / "p.deb"
    else:
        with pytest.raises(HostError, match="another p 1 than its index says"):
            checkpatch._download(cache, resolved, tmp_path)
    assert calls == ["update", "download"]


@pytest.mark.parametrize("status", [0, 1])
def test_checkpatch_is_run_on_the_restored_patch(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FILES:
        (tmp_path / name).write_text(name)

    def sandboxed(_command: object, *, input_bytes: bytes, deadline: Deadline) -> object:
        with tarfile.open(fileobj=io.BytesIO(input_bytes)) as archive:
            assert set(archive.getnames()) >= {*(f"scripts/{name}" for name in FILES), "restored.patch"}
        assert 110 < deadline.remaining() <= 120
        return SimpleNamespace(
            returncode=status, stdout=f"{PATH}:3: CHECK:SPACING: x\n".encode(), excess="a bound",
            stderr="".join(f"{number}\n" for number in range(12)).encode(),
        )  # fmt: skip

    monkeypatch.setattr(checkpatch, "run_sandboxed", sandboxed)
    scripts = SimpleNamespace(file=lambda name: tmp_path / name)
    verdict = Verdict(Kind.ADAPTED, text="diff\n", rebuilt=frozenset({(PATH, 3)}))
    if status == 0:
        assert run_checkpatch(scripts, verdict) == [
            Finding(PATH, 3, "CHECK", "SPACING", "x", judgeable=False)
        ]
        return
    with pytest.raises(HostError, match="checkpatch broke") as caught:
        run_checkpatch(scripts, verdict)
    assert caught.value.hint == "a bound"
    assert list(caught.value.evidence) == [str(number) for number in range(2, 12)]


def test_findings_line_by_line() -> None:
    output = (
        f"{PATH}:12: WARNING:LONG_LINE: too long: x\nwords\n{PATH}:3: CHECK:OTHER: odd\n"
        "b.c:4: ERROR:SPACING: s\n"
    )
    assert read_findings(output, {PATH}) == [
        Finding(PATH, 12, "WARNING", "LONG_LINE", "too long: x", judgeable=False),
        Finding(PATH, 3, "CHECK", "OTHER", "odd", judgeable=True),
        Finding("b.c", 4, "ERROR", "SPACING", "s", judgeable=True),
    ]
