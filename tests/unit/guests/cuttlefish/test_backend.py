# SPDX-License-Identifier: Apache-2.0
"""From a scenario to a device of Cuttlefish, without any cvd: what is refused, planned, and assumed."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.guest_files.archive import GuestFiles
from orchestrator.guests.backend import BootFiles
from orchestrator.guests.cuttlefish.backend import CuttlefishBackend
from orchestrator.guests.cuttlefish.check import require_host
from orchestrator.guests.cuttlefish.places import find_places, require_places
from orchestrator.guests.registry import backend_of
from orchestrator.kernels.base import DriverPlace
from orchestrator.run.asked import load_runnable
from orchestrator.run.dryrun import dry_run
from orchestrator.scenario.cuttlefish import Cuttlefish
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.models import Scenario

TEXT = """\
name: on-a-device
device:
  backend: cuttlefish
  arch: arm64
  memory: 2GiB
  cpus: 2
variants:
  kcalloc: {base: {source: linux-source-6.12, config: small}, patches: [binder-kcalloc-6.12.patch]}
  kvcalloc: {base: {source: linux-source-6.12, config: small}}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
"""


@dataclass(frozen=True)
class Files:
    kernel: Path = Path("/cache/Image")
    initramfs: Path = Path("/cache/initramfs")
    agent: Path = Path("/cache/agent")
    binder: DriverPlace = "built-in"
    script: Path | None = None
    files: GuestFiles = field(default_factory=GuestFiles)


FILES: BootFiles = Files()


@pytest.fixture(autouse=True)
def _nobody_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANDROID_HOST_OUT", "ANDROID_PRODUCT_OUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")


def load(path: Path, text: str) -> Scenario:
    path.write_text(text)
    return load_runnable(path).scenario


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return load(tmp_path / "x.yaml", TEXT)


def refusals(path: Path, text: str) -> list[str]:
    with pytest.raises(ScenarioInvalid) as told:
        load(path, text)
    return [problem.what for problem in told.value.problems]


def with_device(more: str) -> str:
    return TEXT.replace("  cpus: 2\n", f"  cpus: 2\n{more}")


def test_one_line_makes_it_a_device(scenario: Scenario, tmp_path: Path) -> None:
    assert isinstance(backend_of(scenario.device), CuttlefishBackend)
    assert not scenario.trials.fork
    on_qemu = load(tmp_path / "y.yaml", TEXT.replace("backend: cuttlefish", "backend: qemu"))
    assert on_qemu.trials.fork


def test_the_c_driver_is_asked_for_last(tmp_path: Path) -> None:
    made = load(tmp_path / "x.yaml", with_device("  cma: 16MiB\n  cmdline: [slub_max_order=0]\n"))
    plan = CuttlefishBackend(made.device).plan(made, "kcalloc", FILES)
    assert plan.kernel_words == (f"cma={16 << 20}", "printk.devkmsg=on", "slub_max_order=0", "binder.impl=c")
    assert (plan.cpus, plan.memory_mib, plan.initramfs) == (2, 2048, None)


def test_an_initramfs_that_is_given_goes_to_the_launcher(tmp_path: Path) -> None:
    for name in ("Image", "more.img"):
        (tmp_path / name).touch()
    given = TEXT.partition("  kvcalloc")[0] + "  own: {base: {image: Image, initramfs: more.img}}\n"
    made = load(tmp_path / "x.yaml", given + TEXT[TEXT.index("trigger") :])
    assert CuttlefishBackend(made.device).plan(made, "own", FILES).initramfs == tmp_path / "more.img"


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ("  cmdline: ['a=$HOME']\n", "goes through a boot loader's shell, to which $ is special"),
        ("  cmdline: [binder.impl=rust]\n", "says it last, as device.cuttlefish.binder has it"),
        ("  cuttlefish: {flags: {daemon: false}}\n", "'daemon' is oomlab's own"),
        ("  cuttlefish: {flags: {nodaemon: true}}\n", "'nodaemon' is oomlab's own"),
        ("  cuttlefish: {flags: {kernel_path: /x}}\n", "each variant brings its kernel"),
        ("  cuttlefish: {flags: {flagfile: /x}}\n", "'flagfile' is oomlab's own"),
        ("  cuttlefish: {flags: {--gpu_mode: none}}\n", "not the name of a flag"),
        ("  cuttlefish: {flags: {gpu_mode: [none]}}\n", "the value of a flag"),
        ("  cuttlefish: {flags: {gpu_mode: \"no\\nne\"}}\n", "the value of a flag"),
        ("  cuttlefish: {host_path: cf}\n", "an absolute path, or one below the home directory"),
        ("  cuttlefish: {product_path: '/a,b'}\n", "a comma"),
        ("  cuttlefish: {vmm: gem5}\n", "crosvm"),
    ],
)  # fmt: skip
def test_what_a_device_cannot_do_is_refused_with_the_reason(tmp_path: Path, more: str, what: str) -> None:
    found = refusals(tmp_path / "x.yaml", with_device(more))
    assert any(what in problem for problem in found), found


@pytest.mark.parametrize(
    ("trials", "what"),
    [
        ("fork: true", "takes no snapshots to fork trials from"),
        ("clock: deterministic", "has no deterministic clock"),
        ("forks: 2", "'fork: false'"),
    ],
)
def test_neither_pairs_nor_another_clock(tmp_path: Path, trials: str, what: str) -> None:
    found = refusals(tmp_path / "x.yaml", f"{TEXT}trials: {{{trials}}}\n")
    assert any(what in problem for problem in found), found


def test_a_distributions_kernel_is_refused(tmp_path: Path) -> None:
    text = TEXT.replace("base: {source: linux-source-6.12, config: small}}", "base: debian-6.12}")
    (problem,) = refusals(tmp_path / "x.yaml", text)
    assert "debian-6.12 has its driver as a module; build a kernel" in problem


def test_how_it_is_launched_is_no_concern_of_qemu(tmp_path: Path) -> None:
    text = with_device("  cuttlefish: {root: false}\n").replace("backend: cuttlefish", "backend: qemu")
    (problem,) = refusals(tmp_path / "x.yaml", text)
    assert "the backend is 'qemu'" in problem


def test_a_dry_run_needs_no_cvd_and_says_what_it_assumes(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("OOMLAB_CACHE", str(tmp_path / "cache"))
    dry = dry_run(scenario)
    created = [line for line in dry.commands if " create " in line]
    assert len(created) == 2  # one a variant
    assert all("--host_path=/home/me/cf" in line and "binder.impl=c" in line for line in created)
    assert [line for line in dry.commands if line.startswith("HOME=")][-1].endswith(" remove </dev/null")
    assert any("ANDROID_HOST_OUT" in remark for remark in dry.remarks)
    assert any("cvd was not asked" in remark for remark in dry.remarks)
    monkeypatch.setenv("ANDROID_HOST_OUT", "/cf")
    assert not any("ANDROID_HOST_OUT" in remark for remark in dry_run(scenario).remarks)


def test_the_scenario_says_it_before_the_environment() -> None:
    variables = {"ANDROID_HOST_OUT": "/env/host", "ANDROID_PRODUCT_OUT": "/env/product"}
    places = find_places(Cuttlefish(host_path="~/cf"), variables)
    assert (places.host_path, places.product_path) == (Path("/home/me/cf"), Path("/env/product"))
    assert not places.assumed


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _host_package(folder: Path) -> Cuttlefish:
    _program(folder / "bin/cvd_internal_start", "exit 1")
    for name in ("boot.img", "vendor_boot.img", "super.img", "android-info.txt"):
        (folder / name).touch()
    return Cuttlefish(host_path=str(folder), product_path=str(folder))


def test_a_directory_that_is_no_host_package(tmp_path: Path) -> None:
    asked = _host_package(tmp_path)
    require_places(find_places(asked))
    (tmp_path / "super.img").unlink()
    with pytest.raises(HostError, match=r"super\.img missing"):
        require_places(find_places(asked))
    (tmp_path / "bin/cvd_internal_start").unlink()
    with pytest.raises(HostError, match="no host package") as told:
        require_places(find_places(asked))
    assert "device.cuttlefish.host_path" in told.value.hint


def test_without_cvd_the_package_that_brings_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="cvd is not installed") as told:
        require_host(_host_package(tmp_path / "cf"), find_places(Cuttlefish()), "arm64")
    assert "cuttlefish-base" in told.value.hint
