# SPDX-License-Identifier: Apache-2.0
"""Device profiles: every figure says where it comes from, and what a scenario says itself wins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.errors import ExitCode, InputError
from orchestrator.scenario.device import Device
from orchestrator.scenario.dump import to_yaml
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.loading.profile import Profile, load_profile
from orchestrator.scenario.loading.profile_files import profile_files
from orchestrator.scenario.models import Scenario
from orchestrator.scenario.schema import scenario_schema
from orchestrator.units import MIB
from tests.unit.scenario.conftest import GOOD, Load, Refuse

NAMES = {
    "mission-phone",
    "benchmark-phone",
    "android-go-1gb",
    "android-go-2gb",
    "android-tv",
    "automotive",
    "extreme-512mb",
}
OWN = "device: {arch: arm64, memory: 256MiB}"


def with_device(device: str) -> str:
    assert OWN in GOOD
    return GOOD.replace(OWN, f"device: {device}")


def devices(*words: str) -> Result:
    return CliRunner().invoke(app, ["devices", *words])


def test_these_are_all() -> None:
    assert set(profile_files()) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_figure_says_where_it_comes_from(name: str) -> None:
    profile = load_profile(name)
    assert profile.figures.keys() == profile.provenance.keys()
    assert all(len(origin.source) > 10 for origin in profile.provenance.values())


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_scenario_takes_a_profile_by_its_name(name: str, load: Load) -> None:
    device = load(with_device(name)).scenario.device
    profile = load_profile(name)
    assert device == Device.model_validate({"profile": name, **profile.device})


def test_what_the_scenario_says_wins_key_by_key(load: Load) -> None:
    text = with_device("{profile: mission-phone, memory: 512MiB, sysctls: {vm.min_free_kbytes: 4096}}")
    device = load(text).scenario.device
    assert device.memory == 512 * MIB
    assert device.arch == "arm64"
    assert device.sysctls["vm.min_free_kbytes"] == 4096
    assert device.sysctls["vm.watermark_scale_factor"] == 97


def test_nothing_can_be_said_for_a_figure_of_the_profile(load: Load) -> None:
    device = load(with_device("{profile: extreme-512mb, zram: null}")).scenario.device
    assert device.zram is None


@pytest.mark.parametrize(
    ("sets", "memory_mib"),
    [
        (["device.memory=512MiB"], 512),
        (["device.profile=android-go-1gb"], 1024),
        (["device=android-go-1gb"], 1024),
        (["device=android-go-1gb", "device.memory=300MiB"], 300),
    ],
)
def test_the_command_line_wins_over_the_profile(sets: list[str], memory_mib: int, load: Load) -> None:
    assert load(with_device("mission-phone"), sets).scenario.device.memory == memory_mib * MIB


def test_loading_leaves_the_profile_as_it_was(load: Load) -> None:
    before = load_profile("mission-phone").model_copy(deep=True)
    load(with_device("mission-phone"), ["device.sysctls.vm.swappiness=1"])
    assert load_profile("mission-phone") == before


def test_what_is_written_loads_without_the_profile(load: Load, tmp_path: Path) -> None:
    scenario = load(with_device("{profile: android-tv, memory: 512MiB}")).scenario
    again = load_text(to_yaml(scenario), tmp_path / "again.yaml").scenario
    assert again.device == scenario.device.model_copy(update={"profile": None})


@pytest.mark.parametrize("device", ["mission-phon", "{profile: mission-phon, memory: 512MiB}"])
def test_an_unknown_profile_is_one_error_at_its_place(device: str, refuse: Refuse) -> None:
    (problem,) = refuse(with_device(device))
    assert (problem.line, problem.nearest) == (2, "mission-phone")
    assert problem.column == (9 if device[0] != "{" else 19)
    assert "no device profile is called 'mission-phon'" in problem.what


def test_an_unknown_profile_on_the_command_line_blames_the_option(refuse: Refuse) -> None:
    (problem,) = refuse(GOOD, ["device=android-tw"])
    assert problem.file == "--set device=android-tw"
    assert problem.nearest == "android-tv"


def test_a_figure_that_does_not_go_with_the_profile_is_an_error_in_the_file(refuse: Refuse) -> None:
    (problem,) = refuse(with_device("{profile: extreme-512mb, cma: 512MiB}"))
    assert (problem.line, problem.what) == (2, "CMA must be smaller than the device's memory")


@pytest.mark.parametrize("device", ["mission-phone", "{profile: mission-phone, memory: 512MiB}", OWN[8:]])
def test_the_schema_accepts_profiles_and_whole_devices(device: str, load: Load) -> None:
    from ruamel.yaml import YAML

    load(with_device(device))
    data = YAML(typ="safe", pure=True).load(with_device(device))
    jsonschema.Draft202012Validator(scenario_schema()).validate(data)


def test_the_schema_wants_memory_where_there_is_no_profile() -> None:
    data = {
        "name": "a",
        "device": {"arch": "arm64"},
        "variants": {"a": {"base": "debian-6.1"}},
        "trigger": {"kind": "binder-mmap", "size": "4MiB", "count": 1},
    }
    assert not jsonschema.Draft202012Validator(scenario_schema()).is_valid(data)
    with pytest.raises(ValidationError):
        Scenario.model_validate(data)


@pytest.mark.parametrize(
    "change",
    [
        {"provenance": {}},
        {"provenance": {"arch": {"kind": "guess", "source": "somewhere"}}},
        {"device": {"arch": "arm64"}},
        {"device": {"arch": "arm64", "memory": "1GiB", "memmory": "2GiB"}},
    ],
)
def test_a_profile_without_its_sources_is_refused(change: dict[str, Any]) -> None:
    good = load_profile("automotive").model_dump()
    Profile.model_validate(good)
    with pytest.raises(ValidationError):
        Profile.model_validate(good | change)


def test_the_list_names_every_profile() -> None:
    result = devices()
    assert result.exit_code == 0
    assert [name for name in NAMES if name not in result.stdout] == []


def test_one_profile_is_shown_with_sources_and_as_json() -> None:
    shown = devices("mission-phone")
    assert "3615MiB" in shown.stdout
    assert "present:3701440kB" in shown.stdout.replace("\n", "")
    data = json.loads(devices("mission-phone", "--json").stdout)
    assert data["provenance"]["memory"]["kind"] == "text"
    assert {item["name"] for item in json.loads(devices("--json").stdout)} == NAMES


def test_a_profile_that_does_not_exist_is_bad_input() -> None:
    assert devices("mission-phon").exit_code == ExitCode.BAD_INPUT
    with pytest.raises(InputError) as caught:
        load_profile("mission-phon")
    assert "did you mean mission-phone?" in caught.value.hint
