# SPDX-License-Identifier: Apache-2.0
"""From a device's files to its profile and a replay."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.dumps.imported import Imported, import_device
from orchestrator.errors import ExitCode, InputError
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.scenario.loading.profile import read_profile
from orchestrator.scenario.picture import Picture
from orchestrator.units import KIB, MIB, parse_size
from tests.unit.dumps.devices import COUNTS, PARTS, buddyinfo, meminfo, pagetypeinfo, zoneinfo


def imported(tmp_path: Path, parts: dict[str, str], scale: str | None = "1", **wishes: bool) -> Imported:
    file = tmp_path / "dump.txt"
    file.write_text("\n".join(parts.values()))
    return import_device([file], "my-phone", scale, profile_only=wishes.get("profile_only", False))


def picture(made: Imported) -> dict[str, Any]:
    assert made.replay is not None
    found: dict[str, Any] = made.replay.data["fragmentation"]["target"]["picture"]
    return found


def test_every_figure_has_its_section(tmp_path: Path) -> None:
    profile = imported(tmp_path, PARTS).profile
    assert profile.device == {
        "arch": "arm64", "memory": "1922MiB", "cpus": 1, "cma": "200MiB", "zram": "1023MiB",
        "sysctls": {"vm.min_free_kbytes": 8192, "vm.watermark_scale_factor": 97, "vm.swappiness": 100},
    }  # fmt: skip
    kinds = {name: origin.kind for name, origin in profile.provenance.items()}
    assert kinds.pop("cpus") == "assumption"
    assert set(kinds.values()) == {"text"}
    assert "/proc/zoneinfo in " in profile.provenance["memory"].source
    assert ", line " in profile.provenance["sysctls.vm.swappiness"].source
    facts = {name: fact.value for name, fact in profile.facts.items()}
    assert facts == {
        "kernel": "5.10.168-android12-9", "page_kb": 4, "processors": 8, "pageblock_order": 10,
        "manufacturer": "Some", "model": "Phone Go", "low_ram": "true",
    }  # fmt: skip


def test_what_was_not_brought_is_assumed_and_said(tmp_path: Path) -> None:
    profile = imported(tmp_path, {"x": meminfo(cma_kb=None)}, profile_only=True).profile
    assert profile.device == {
        "arch": "arm64", "memory": "1890MiB", "cpus": 1, "cma": 0, "zram": "1023MiB",
    }  # fmt: skip
    assert profile.provenance["arch"].kind == "assumption"
    assert "what the kernel keeps for itself is not in it" in profile.provenance["memory"].source
    assert "no /proc/swaps says what kind" in profile.provenance["zram"].source


def test_the_picture_is_the_devices_divided_by_the_scale(tmp_path: Path) -> None:
    made = picture(imported(tmp_path, PARTS, "1/4"))
    assert made["active_anon"] == f"{188_384 // 4}KiB"
    assert made["slab_unreclaimable"] == f"{127_084 // 4}KiB"
    assert made["watermarks"] == {"min": "8192KiB", "low": "42616KiB", "high": "46164KiB"}
    # Free list and watermarks stay; what only atomic requests may have is left out.
    assert made["free_blocks"] == [COUNTS[0], COUNTS[1], COUNTS[2] - 2, COUNTS[3]]


def test_without_migrate_types_every_block_counts_and_that_is_said(tmp_path: Path) -> None:
    made = imported(tmp_path, {name: text for name, text in PARTS.items() if "pagetype" not in name})
    assert picture(made)["free_blocks"] == [3313, 165, 35, 15]
    assert any(fact.origin == "unknown" and "takes root" in fact.why for fact in made.facts)


def test_counts_that_the_kernel_gave_up_are_not_taken(tmp_path: Path) -> None:
    capped = pagetypeinfo().replace("  3313 ", ">100000 ", 1)
    made = imported(tmp_path, PARTS | {"/proc/pagetypeinfo": capped})
    assert picture(made)["free_blocks"] == [3313, 165, 35, 15]
    assert any("stopped counting" in fact.why for fact in made.facts)


def test_pages_that_no_base_has_are_counted_in_the_guests(tmp_path: Path) -> None:
    parts = {
        "a": meminfo(total_kb=480_000 * 4), "b": zoneinfo(pages=30_000, page_kb=64),
        "c": buddyinfo((7, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
    }  # fmt: skip
    made = imported(tmp_path, parts)
    assert picture(made)["free_blocks"] == [0, 0, 0, 0, 7, 3]
    assert any("order 0 are of order 4 here" in fact.why for fact in made.facts)


def test_pages_of_16_kib_get_a_base_that_has_them(tmp_path: Path) -> None:
    parts = {
        "a": meminfo(total_kb=480_000 * 4), "b": zoneinfo(pages=120_000, page_kb=16),
        "c": buddyinfo((7, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
    }  # fmt: skip
    made = imported(tmp_path, parts)
    assert made.profile.facts["page_kb"].value == 16
    assert picture(made)["free_blocks"] == [7, 3]
    assert made.replay is not None
    assert {variant["base"] for variant in made.replay.data["variants"].values()} == {"debian-6.12-16k"}
    assert any("the same orders" in fact.why for fact in made.facts)


def test_several_nodes_are_added_up_to_one_and_that_is_said(tmp_path: Path) -> None:
    one = imported(tmp_path, PARTS)
    made = imported(tmp_path, PARTS | {"/proc/zoneinfo": zoneinfo(nodes=2, pages=241_920)})
    assert any(fact.value == "2 added up to one" for fact in made.facts)
    assert picture(made)["free_blocks"] == picture(one)["free_blocks"]
    assert picture(made)["watermarks"]["min"] == f"{2 * 8192}KiB"


def test_free_movable_blocks_serve_kernel_requests_and_zone_movable_does_not(tmp_path: Path) -> None:
    types = re.sub(r"(type +Movable) +0 ", r"\1   700 ", pagetypeinfo())
    plain = picture(imported(tmp_path, PARTS))["free_blocks"]
    blocks = picture(imported(tmp_path, PARTS | {"/proc/pagetypeinfo": types}))["free_blocks"]
    assert blocks == [plain[0] + 700, *plain[1:]]
    moved = re.sub(r"zone +Normal(, type +Movable)", r"zone  Movable\1", types)
    assert picture(imported(tmp_path, PARTS | {"/proc/pagetypeinfo": moved}))["free_blocks"] == plain


def test_a_boost_is_no_part_of_the_watermarks(tmp_path: Path) -> None:
    boosted = zoneinfo()
    for name, pages in (("boost    ", 0), ("min      ", 2048), ("low      ", 10654), ("high     ", 11541)):
        boosted = boosted.replace(f"{name}{pages}\n", f"{name}{pages + 500}\n", 1)
    plain = picture(imported(tmp_path, PARTS))["watermarks"]
    assert picture(imported(tmp_path, PARTS | {"/proc/zoneinfo": boosted}))["watermarks"] == plain


def test_two_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="these are two devices"):
        imported(tmp_path, PARTS | {"/proc/zz": meminfo(total_kb=3_935_360)})


def test_files_of_two_boots_are_told(tmp_path: Path) -> None:
    made = imported(tmp_path, PARTS | {"/proc/zoneinfo": zoneinfo(pages=400_000)})
    assert any("with no size of pages they are of one boot" in note for note in made.dump.notes)


def test_what_a_replay_needs_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a replay needs /proc/buddyinfo"):
        imported(tmp_path, {name: PARTS[name] for name in ("/proc/meminfo", "/proc/zoneinfo")})
    with pytest.raises(InputError, match="copy of /proc/meminfo or /proc/zoneinfo"):
        imported(tmp_path, {"x": "hello\n"})


def test_a_host_that_no_guest_can_be_is_cut_to_what_one_can(tmp_path: Path) -> None:
    huge = meminfo(total_kb=1 << 30)
    profile = imported(tmp_path, {"x": huge}, profile_only=True).profile
    assert (profile.device["memory"], profile.provenance["memory"].kind) == ("65536MiB", "assumption")
    assert "the device has 1048576 MiB" in profile.provenance["memory"].source


def device_import(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["device", "import", *map(str, arguments)])


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "dump.txt"
    path.write_text("".join(PARTS.values()))
    return path


def test_profile_and_replay_are_written_and_valid(dump: Path) -> None:
    result = device_import(dump, "--name", "my-phone", "--out", dump.parent / "out", "--scale", "1/8")
    assert result.exit_code == 0, result.output
    profile, replay = (Path(line) for line in result.stdout.splitlines()[-2:])
    assert read_profile(profile).device["memory"] == "1922MiB"
    scenario = load_scenario(replay).scenario
    assert scenario.device.memory < 512 * MIB
    target = scenario.fragmentation.target if scenario.fragmentation is not None else None
    assert target is not None
    assert target.picture is not None
    assert target.picture.pagetables == round(53_468 / 8) * KIB
    again = device_import(dump, "--name", "my-phone", "--out", dump.parent / "out", "--scale", "1/8")
    assert again.exit_code == 0


def test_what_was_edited_is_not_written_over(dump: Path) -> None:
    out = dump.parent / "out"
    assert device_import(dump, "--out", out, "--profile-only").exit_code == 0
    edited = (out / "my-device.yaml").read_text().replace("1922MiB", "512MiB")
    (out / "my-device.yaml").write_text(edited)
    for more in ((), ("--profile-only",)):
        assert device_import(dump, "--out", out, *more).exit_code == ExitCode.BAD_INPUT
        assert (out / "my-device.yaml").read_text() == edited
    assert not (out / "my-device-replay.yaml").exists()
    assert device_import(dump, "--out", out, "--overwrite").exit_code == 0


def test_json_writes_nothing(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dump.parent)
    data = json.loads(device_import(dump, "--json").stdout)
    assert data["profile"]["device"]["zram"] == "1023MiB"
    assert {"origin", "what", "value", "why"} == set(data["facts"][0])
    assert list(dump.parent.glob("*.yaml")) == []


@pytest.mark.parametrize(
    "arguments",
    [["--scale", "1/0"], ["--scale", "x"], ["--name", "../x"], ["--name", "A B"], ["--out", "/proc/x"]],
)
def test_bad_wishes_are_bad_input(dump: Path, arguments: list[str]) -> None:
    result = device_import(dump, *arguments)
    assert result.exit_code == ExitCode.BAD_INPUT, result.output
    assert "Traceback" not in result.output


def test_without_zoneinfo_min_free_kbytes_is_the_watermark(tmp_path: Path) -> None:
    parts = {name: text for name, text in PARTS.items() if name != "/proc/zoneinfo"}
    assert picture(imported(tmp_path, parts))["watermarks"] == {"min": "8192KiB"}


def test_a_long_free_list_gets_room_for_what_keeps_its_blocks_apart(tmp_path: Path) -> None:
    parts = {name: text for name, text in PARTS.items() if name != "/proc/pagetypeinfo"}
    made = imported(tmp_path, parts | {"/proc/buddyinfo": buddyinfo((30_000, *[0] * 10))}, "1/8")
    assert made.replay is not None
    lines = Picture.model_validate(picture(made))
    memory = parse_size(made.replay.data["device"]["memory"])
    assert memory > lines.accounted + 2 * lines.free(4 * KIB)
