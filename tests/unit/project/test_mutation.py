# SPDX-License-Identifier: Apache-2.0
"""What tests the tests, tested: on a program of one comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, mutants_of, sample
from tests.mutation.rooms import ROOMS, Room
from tests.mutation.trial import Fate, try_mutant

_LIMIT_S = 60.0


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "pure.py"
    path.write_text("def is_large(number):\n    return number > 10\n")
    (tmp_path / "test_inside.py").write_text(
        "from pure import is_large\ndef test_it():\n    assert is_large(100)\n    assert not is_large(-100)\n"
    )
    (tmp_path / "test_edges.py").write_text(
        "from pure import is_large\ndef test_it():\n    assert is_large(11)\n    assert not is_large(10)\n"
    )
    return path


def _fate(mutant: Mutant, test: str) -> Fate:
    source = mutant.source()
    assert source is not None
    directory = mutant.path.parent
    return try_mutant(directory, mutant.path, source, [str(directory / test)], directory, _LIMIT_S)


def test_every_operator_and_constant_has_its_mutants(module: Path) -> None:
    assert sorted(mutant.change()[1] for mutant in mutants_of(module)) == [
        "return number <= 10", "return number > 11", "return number > 9", "return number >= 10",
    ]  # fmt: skip


def test_a_test_of_the_edges_kills_what_one_of_the_middle_does_not(module: Path) -> None:
    (mutant,) = (each for each in mutants_of(module) if ">=" in each.change()[1])
    assert _fate(mutant, "test_inside.py") is Fate.SURVIVED
    assert _fate(mutant, "test_edges.py") is Fate.KILLED


def test_a_sample_is_the_same_for_the_same_seed(checkout: Path) -> None:
    files = list(ROOMS[0].files(checkout))
    assert sample(files, 5, "1/a") == sample(files, 5, "1/a")
    assert sample(files, 5, "1/a") != sample(files, 5, "2/a")


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_room_has_modules_and_tests(checkout: Path, room: Room) -> None:
    assert list(room.files(checkout))
    assert all(Path(path).exists() for path in room.test_paths(checkout))
