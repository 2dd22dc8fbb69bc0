# SPDX-License-Identifier: Apache-2.0
"""What is said of a build that goes on, and of one that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import BuildBroken, OomlabError
from orchestrator.kernels.build.kernel.compile import (
    Subject,
    built,
    count_objects,
    failure,
    has_modules,
    said,
)
from orchestrator.kernels.build.sandbox import Ran

_LOG = b"""  SYNC    include/config/auto.conf
  HOSTCC  scripts/basic/fixdep
  CC      mm/slub.o
  CC [M]  drivers/block/null_blk/main.o
  AS      arch/arm64/kernel/entry.o
  AR      mm/built-in.a
"""
_BROKEN = b"""  CC      mm/page_alloc.o
/usr/src/linux/mm/page_alloc.c: In function 'f':
../mm/page_alloc.c:300:23: error: 'min_free' undeclared here
  CC      kernel/configs.o
make[3]: *** [/usr/src/linux/scripts/Makefile.build:229: mm/page_alloc.o] Error 1
"""
_TIMES = b"0m0.01s 0m0.02s\n3m4.50s 1m2.30s\n"


def _subject(tmp_path: Path, blame: str = "the patch may need another base") -> Subject:
    return Subject("linux small arm64 with a.patch", blame, tmp_path / "arm64.log")


def test_objects_are_counted_and_nothing_else() -> None:
    assert count_objects(_LOG) == 4


@pytest.mark.parametrize(
    ("count", "expected", "words"),
    [
        (0, 0, "building it"),
        (0, 948, "building it: ~948 objects"),
        (1, 0, "building it: 1 object"),
        (812, 948, "building it: 812 of ~948 objects"),
        (949, 948, "building it: 949 objects"),
    ],
)
def test_a_total_is_told_only_where_it_is_known_and_holds(count: int, expected: int, words: str) -> None:
    assert said("it", count, expected) == words


def test_a_failure_is_told_by_the_trees_own_paths(tmp_path: Path) -> None:
    error = failure("does not build", Ran(2, b"", _BROKEN), _subject(tmp_path))
    assert isinstance(error, BuildBroken)
    assert error.message == "linux small arm64 with a.patch does not build"
    assert "mm/page_alloc.c:300:23: error: 'min_free' undeclared here" in error.evidence
    assert not [line for line in error.evidence if line.startswith("  CC")]
    assert error.evidence[-1] == f"the whole log: {tmp_path / 'arm64.log'}"
    assert (tmp_path / "arm64.log").read_bytes() == _BROKEN


def test_a_shipped_tree_that_does_not_build_is_nobodys_fault(tmp_path: Path) -> None:
    error = failure("does not build", Ran(2, b"", _BROKEN), _subject(tmp_path, blame=""))
    assert not isinstance(error, BuildBroken)


def test_a_build_that_had_to_be_ended_says_why(tmp_path: Path) -> None:
    error = failure("could not be built", Ran(1, b"", b"", "the disk is full"), _subject(tmp_path))
    assert error.message.endswith("could not be built: the disk is full")
    assert not isinstance(error, BuildBroken)


def test_release_build_id_and_time_are_read(tmp_path: Path) -> None:
    ran = Ran(0, b"6.12.3-rc1+x\n" + b"ab" * 20 + b"\n" + _TIMES, _LOG)
    done = built(ran, _subject(tmp_path))
    assert (done.release, done.build_id, done.compiled) == ("6.12.3-rc1+x", b"\xab" * 20, 4)
    assert done.cpu_s == pytest.approx(246.83)


@pytest.mark.parametrize(
    "stdout", [b"", b"6.12\n", b"a b\n" + _TIMES, b"../x\n" + _TIMES, b"6.12\n6.12\n" + _TIMES]
)
def test_what_says_something_else_has_not_been_built(tmp_path: Path, stdout: bytes) -> None:
    with pytest.raises(OomlabError):
        built(Ran(0, stdout, b""), _subject(tmp_path))


def test_modules_are_made_where_the_configuration_has_any() -> None:
    assert has_modules("CONFIG_A=y\nCONFIG_B=m\n")
    assert not has_modules("# CONFIG_B=m\nCONFIG_B=y\n")
