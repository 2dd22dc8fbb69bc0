# SPDX-License-Identifier: Apache-2.0
"""A series is reproduced as a whole and in order, wherever its patches stand; what is left out is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.scenario.models import Scenario
from tests.unit.commands.reproducing import REVIEW, facts, refused, reproduce, written
from tests.unit.commands.test_reproduce import (
    GOES_ON,
    _in_a_directory_of_its_own,  # noqa: F401  # used by every test
)
from tests.unit.reproduce.texts import CONSOLE, DIFF, reviewer, write


def series(*numbers: int, total: int = 2, version: str = "", to: str = "b") -> str:
    return "".join(
        "From a@example.org Mon Sep 17 00:00:00 2001\n"
        f"Subject: [PATCH{version} {n}/{total}] x{n}\n\nWords.\n---\n"
        f"{DIFF.replace('binder_alloc', f'binder{n}').replace('+b', f'+{to}')}-- \n2.34\n\n"
        for n in numbers
    )


def patch_names(scenario: Scenario) -> list[str]:
    return [path.name[:5] for path in scenario.variants["patched"].patches]


def test_a_series_is_applied_whole_and_in_order(tmp_path: Path) -> None:
    path = write(tmp_path, series(3, 1, 2, total=3))
    assert patch_names(written(path)) == ["01-x1", "02-x2", "03-x3"]
    assert facts(path)["patches"]["value"] == "1-3, in this order"
    assert patch_names(written(path, "--patch", "1-2", "--overwrite")) == ["01-x1", "02-x2"]
    assert patch_names(written(path, "--patch", 3, "--patch", 1, "--overwrite")) == ["01-x1", "03-x3"]
    assert facts(path, "--patch", "1-2")["patches"]["why"] == "asked for with --patch"


def test_a_series_may_be_several_files_or_their_directory(tmp_path: Path) -> None:
    place = tmp_path / "series"
    place.mkdir()
    cover = "From: a@example.org\nSubject: [PATCH 0/2] both\n\nWords.\n"
    files = [write(place, text, name) for name, text in (("a", series(2)), ("b", cover), ("c", series(1)))]
    for paths in ([place], files):
        assert patch_names(written(*paths, "--overwrite")) == ["01-x1", "02-x2"]
    assert "c, line " in reproduce(place, "--json", "--overwrite").stdout
    assert "# Made by `oomlab reproduce` from a and 2 more." in next(Path().glob("*/*a.yaml")).read_text()


def test_half_a_series_is_refused_and_tried_if_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, series(1, 3, total=4))
    assert "parts 2,4 of [PATCH n/4] missing" in refused(path)
    assert patch_names(written(path, "--patch", "1,3")) == ["01-x1", "03-x3"]
    beside = write(tmp_path, CONSOLE.read_text() + series(1), "beside.txt")
    assert list(written(beside).variants) == ["base"]
    assert "part 2 of [PATCH n/2] missing" in facts(beside)["patch"]["why"]


def test_of_two_versions_the_newer_is_tried_and_the_other_named(tmp_path: Path) -> None:
    path = write(tmp_path, series(1, 2, version=" v2", to="new") + series(1, 2, to="old"))
    scenario = written(path)
    assert patch_names(scenario) == ["01-x1", "02-x2"]
    found = reproduce(path, "--json", "--overwrite").stdout
    assert "left out: [PATCH n/2]" in found
    assert "[PATCH v2 n/2] is newer; --patch 3-4 takes the older one" in found
    assert patch_names(written(path, "--patch", "3-4", "--overwrite")) == ["03-x1", "04-x2"]


def test_a_part_that_touches_nothing_which_is_built_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, series(1, 2, 3, total=3))
    monkeypatch.setattr(REVIEW, reviewer(*GOES_ON, elsewhere=(2,)))
    assert patch_names(written(path)) == ["01-x1", "03-x3"]
    assert facts(path)["patch"]["value"] == "left out: [PATCH 2/3] x2"


def test_a_series_that_goes_on_no_base_is_not_replaced_by_another_patch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, series(1, 2) + series(1, total=1).replace(" 1/1", "").replace("binder1", "other"))
    monkeypatch.setattr(REVIEW, reviewer(*GOES_ON, refused=(2,)))
    assert "patch 2, debian-6.1: does not apply" in refused(path)
    assert patch_names(written(path, "--patch", 3)) == ["03-x1"]
