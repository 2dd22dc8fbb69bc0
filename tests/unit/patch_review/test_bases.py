# SPDX-License-Identifier: Apache-2.0
"""Where the sources of bases and their checkpatch come from, and what is said when they cannot be had."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.arch import ARCHS, Arch
from orchestrator.bases import BASES, Base, DebianPackages
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.host.programs import Stage
from orchestrator.kernels.base import KernelRequest, SourceTree
from orchestrator.kernels.build.patch import Applied
from orchestrator.kernels.build.tree import TreeFile
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.patch_file import Patch
from orchestrator.patch_review import bases, checkpatch, sources
from orchestrator.patch_review.applicability import Applicability, Kind
from orchestrator.patch_review.checkpatch import (
    FILES,
    CheckpatchWarning,
    Scripts,
    read_warnings,
    run_checkpatch,
)
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.sources import SCOPE, BaseSource, Column, load_columns

PATH = f"{SCOPE}/x.c"


def quiet(text: str) -> None:
    """Nobody listens."""


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def is_shipped(base: Base) -> bool:
    return isinstance(base.made_from, DebianPackages) and base.made_from.shipped


def columns(cache: Cache, arch: str, *, offline: bool = False) -> tuple[list[Column], list[str]]:
    failures: list[str] = []
    return load_columns(cache, arch, quiet, failures, offline=offline), failures


@pytest.mark.parametrize("arch", ARCHS)
def test_of_bases_with_one_source_the_first_is_asked_and_once(
    arch: str, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(_cache: Cache, base: Base, own: Arch, _progress: object, *, offline: bool) -> BaseSource:
        assert own is ARCHS[arch]
        assert not offline
        asked.append(base.name)
        if base.name == "debian-6.1":
            raise HostError("gone")
        return BaseSource(base.name, {}, no_checkpatch)

    monkeypatch.setattr(sources, "require", lambda _needs: None)
    monkeypatch.setattr(sources, "_load", load)
    found, failures = columns(cache, arch)
    assert asked == []
    got = [source.name for column in found for _ in "12" if (source := column.driver()) is not None]
    own = [base for base in BASES.values() if arch in base.archs and not is_shipped(base)]
    packages = dict.fromkeys(base.source_name for base in own)
    assert asked == [next(base.name for base in own if base.source_name == name) for name in packages]
    assert failures == ["debian-6.1: gone"]
    assert list(dict.fromkeys(got)) == [name for name in asked if name != "debian-6.1"]


def test_an_unknown_architecture_and_a_host_that_lacks_programs(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="unknown architecture 'mips'"):
        columns(cache, "mips")

    def lacking(_needs: object) -> None:
        raise HostError("patch is missing", hint="install it")

    monkeypatch.setattr(sources, "require", lacking)
    assert columns(cache, "arm64") == ([], ["patch is missing: install it"])


def test_offline_nothing_is_fetched_and_it_is_said_what_would_be(cache: Cache) -> None:
    found, failures = columns(cache, "arm64", offline=True)
    assert [column.driver() for column in found] == [column.whole() for column in found]
    assert failures[0] == "debian-6.1: its source is not in the cache; without --offline it is downloaded"
    assert failures[-1].startswith("debian-6.12: the whole source of linux-source-6.12 is not in the cache; ")
    assert "150 MB" in failures[-1]
    assert not list(cache.root.glob("store/*"))


@dataclass
class OneSource:
    """A source of kernels that has, or can have, the source of one scope; asked for nothing else."""

    tree: SourceTree
    cached: bool
    stages: tuple[Stage, ...] = ("fetch", "build")
    obtained: list[KernelRequest] = field(default_factory=list)

    def known_source(self, _cache: Cache, request: KernelRequest) -> SourceTree | None:
        assert request.scope == SCOPE
        return self.tree if self.cached else None

    def obtain(self, _cache: Cache, request: KernelRequest, progress: object) -> object:
        assert progress is quiet
        self.obtained.append(request)
        return SimpleNamespace(modules=SimpleNamespace(source=self.tree))


def no_checkpatch() -> Scripts:
    raise AssertionError("nobody asked for checkpatch")


def no_scripts(_names: object, _progress: object) -> CacheEntry:
    raise AssertionError("nobody asked for scripts")


@pytest.mark.parametrize("cached", [True, False])
def test_a_source_is_taken_from_the_cache_or_fetched(
    cached: bool, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SCOPE).mkdir(parents=True)
    (tmp_path / PATH).write_bytes(b"int x\xff;\n")
    source = OneSource(SourceTree(tmp_path, "x", no_scripts), cached)
    needed: list[object] = []
    monkeypatch.setattr(sources, "source_of", lambda _base: source)
    monkeypatch.setattr(sources, "needs_of", lambda *words: words)
    monkeypatch.setattr(sources, "require", needed.append)
    found = sources._load(cache, BASES["debian-6.1"], ARCHS["arm64"], quiet)
    assert found.name == "debian-6.1"
    assert needed == ([] if cached else [("arm64", "fetch", "build")])
    assert found.files[PATH].text.encode(errors="surrogateescape") == b"int x\xff;\n"
    assert source.obtained == ([] if cached else [KernelRequest(BASES["debian-6.1"], ARCHS["arm64"], SCOPE)])


BEFORE = {PATH: SourceFile(PATH, "a\n")}
VERDICT = Applicability(Kind.APPLIES, ("odd",), "diff\n", result={PATH: SourceFile(PATH, "b\n")})


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
    verdict = Applicability(Kind.ADAPTED, text="diff\n", rebuilt=frozenset({(PATH, 3)}))
    if status == 0:
        assert run_checkpatch(scripts, verdict) == [
            CheckpatchWarning(PATH, 3, "CHECK", "SPACING", "x", judgeable=False)
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
    assert read_warnings(output, {PATH}) == [
        CheckpatchWarning(PATH, 12, "WARNING", "LONG_LINE", "too long: x", judgeable=False),
        CheckpatchWarning(PATH, 3, "CHECK", "OTHER", "odd", judgeable=True),
        CheckpatchWarning("b.c", 4, "ERROR", "SPACING", "s", judgeable=True),
    ]
