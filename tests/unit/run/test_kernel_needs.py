# SPDX-License-Identifier: Apache-2.0
"""A scenario's needs against its kernels, before anything boots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.guests.backend import Ability
from orchestrator.guests.qemu.backend import QemuBackend
from orchestrator.guests.registry import BACKENDS
from orchestrator.kernels.features import KernelFeatures
from orchestrator.kernels.given import contents
from orchestrator.kernels.images import GuestImages
from orchestrator.kernels.manifest import ArtefactManifest, VariantArtefacts
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.page_array import unknown
from orchestrator.kernels.traits.traits import traits_of
from orchestrator.run.kernel_needs import judge_kernel, needs_of, require_kernels
from orchestrator.scenario.models import Scenario

BINDER = {"kind": "binder-mmap", "size": "4MiB", "count": 1}
NETWORK = {"kind": "network", "size": "60KiB", "rate": 100, "duration": "1s"}
UDP, SOCKETS = NETWORK | {"protocol": "udp"}, NETWORK | {"protocol": "unix-dgram"}
FORK = {"kind": "fork", "count": 1}
ALL = tuple(
    """
ANDROID_BINDER_IPC BINFMT_ELF BLK_DEV_INITRD BLK_DEV_NULL_BLK CMA COMPACTION DEBUG_FS DEVTMPFS HIST_TRIGGERS
HUGETLBFS INET PCI PCI_HOST_GENERIC POSIX_MQUEUE PRINTK PROC_FS PROC_PAGE_MONITOR SERIAL_8250_CONSOLE
SERIAL_8250_PCI SERIAL_AMBA_PL011_CONSOLE SWAP SYNTH_EVENTS SYSFS UNIX ZRAM
""".split()  # noqa: SIM905 -- as people compare it with a .config
)
MANIFEST = ArtefactManifest(
    base="own",
    arch="arm64",
    release="6",
    page_size_bytes=4096,
    packages=(),
    kernel_sha256="",
    busybox_sha256="",
    agent_sha256="",
    agent_compiler="",
    initramfs_sha256="",
)


def scenario(
    trigger: dict[str, Any] = BINDER, stressors: tuple[Any, ...] = ("pipes",), **device: Any
) -> Scenario:
    return Scenario.model_validate({
        "name": "a",
        "description": "a",
        "device": {"backend": "qemu", "arch": "arm64", "memory": "256MiB", "cpus": 1, "cma": 0, **device},
        "variants": {"own": {"base": {"image": "/Image"}}},
        "fragmentation": {"target": {"usable_units": {"order": 3, "max": 1}}, "stressors": list(stressors)},
        "trigger": trigger,
        "trials": {"blocks": 1},
    })  # fmt: skip


def config(*without: str, **otherwise: str) -> str:
    options = {option: "y" for option in ALL if option not in without} | otherwise
    return "".join(f"CONFIG_{option}={value}\n" for option, value in options.items())


def images(features: KernelFeatures | None, page_size_bytes: int = 4096) -> dict[str, GuestImages]:
    return {"own": GuestImages(Path("k"), Path("i"), "6", page_size_bytes, MANIFEST, features=features)}


def fault(features: KernelFeatures, what: Scenario) -> InputError:
    with pytest.raises(InputError) as caught:
        require_kernels(what, images(features))
    return caught.value


def test_a_kernel_with_everything_is_not_talked_about() -> None:
    everything = scenario(stressors=("page_cache", {"kind": "ballast", "size": "64MiB"}), zram="32MiB")
    assert require_kernels(everything, images(KernelFeatures(config()))) == []


@pytest.mark.parametrize(
    ("option", "what", "purpose"),
    [
        ("BLK_DEV_NULL_BLK", scenario(stressors=("page_cache",)), "the stressor page_cache"),
        ("HUGETLBFS", scenario(stressors=({"kind": "ballast", "size": "64MiB"},)), "the stressor ballast"),
        ("POSIX_MQUEUE", scenario(stressors=({"kind": "slab", "size": "1MiB"},)), "the stressor slab"),
        ("ANDROID_BINDER_IPC", scenario(), "the trigger binder-mmap"),
        ("INET", scenario(UDP), "the trigger network"),
        ("UNIX", scenario(SOCKETS), "the trigger network"),
        ("ZRAM", scenario(zram="32MiB"), "device.zram"),
        ("SWAP", scenario(zram="32MiB"), "device.zram"),
        ("CMA", scenario(cma="16MiB"), "device.cma"),
        ("BLK_DEV_INITRD", scenario(FORK), "the guest's root file system"),
        ("SERIAL_AMBA_PL011_CONSOLE", scenario(FORK), "the console of QEMU's machine virt"),
    ],
)
def test_what_the_scenario_needs_is_an_error_that_says_what_for(
    option: str, what: Scenario, purpose: str
) -> None:
    error = fault(KernelFeatures(config(option)), what)
    assert error.message.startswith("own: ")
    assert error.message.endswith(f"needed for {purpose}")
    assert "`modules:`" in error.hint


def test_what_it_does_not_use_is_not_asked_for() -> None:
    lacking = config("ANDROID_BINDER_IPC", "BLK_DEV_NULL_BLK", "ZRAM", "SWAP", "CMA", "HUGETLBFS")
    assert require_kernels(scenario(FORK), images(KernelFeatures(lacking))) == []


def test_all_that_is_missing_is_told_at_once() -> None:
    what = scenario(stressors=("page_cache",))
    error = fault(KernelFeatures(config("BLK_DEV_NULL_BLK", "ANDROID_BINDER_IPC")), what)
    assert error.message.startswith("2 things that the scenario needs")
    assert len(error.evidence) == 2


@pytest.mark.parametrize(
    ("option", "remark"),
    [
        ("COMPACTION", "own: no CONFIG_COMPACTION: no compaction, and no figures of it"),
        ("SYNTH_EVENTS", "own: no CONFIG_SYNTH_EVENTS: no allocation audit"),
        ("PROC_PAGE_MONITOR", "own: no CONFIG_PROC_PAGE_MONITOR: no fingerprints of memory states"),
    ],
)
def test_what_only_costs_figures_is_a_remark(option: str, remark: str) -> None:
    assert require_kernels(scenario(), images(KernelFeatures(config(option)))) == [remark]


def test_compaction_is_needed_where_the_kernel_is_to_compact() -> None:
    data = scenario().model_dump(mode="json", exclude_unset=True)
    data["fragmentation"]["target"]["hard"] = "forbidden"
    error = fault(KernelFeatures(config("COMPACTION")), Scenario.model_validate(data))
    assert "`hard: forbidden`" in error.message


def test_a_module_does_what_an_option_does() -> None:
    what = scenario(stressors=("page_cache",))
    features = KernelFeatures(config(BLK_DEV_NULL_BLK="m"), frozenset({"null_blk"}))
    assert require_kernels(what, images(features)) == []
    assert "CONFIG_BLK_DEV_NULL_BLK=m" in fault(KernelFeatures(config(BLK_DEV_NULL_BLK="m")), what).message


def test_what_is_unknown_is_said_once_and_is_no_error() -> None:
    (remark,) = require_kernels(scenario(), images(KernelFeatures(None)))
    assert remark.startswith("own: it comes without its configuration: whether it has CONFIG_BLK_DEV_INIT")


def test_a_kernel_without_its_configuration_is_judged_by_its_words() -> None:
    marks = frozenset(contents.MARKS)
    features = KernelFeatures(None, present=marks - {"ZRAM"}, absent=frozenset({"ZRAM"}))
    error = fault(features, scenario(zram="32MiB"))
    assert "zram is neither built in nor among its modules" in error.message


def test_pages_of_another_size_than_the_scenario_counts_with_are_told() -> None:
    (remark,) = require_kernels(scenario(), images(KernelFeatures(config()), 16384))
    assert "its pages are of 16 KiB: an order of the scenario is 4 times as much memory" in remark


def test_a_kernel_that_ran_before_is_not_judged() -> None:
    assert require_kernels(scenario(), images(None)) == []


def test_everything_that_is_asked_for_is_in_the_kernels_that_are_built_for_guests(checkout: Path) -> None:
    texts = (path.read_text() for path in (checkout / "images/kernel").glob("guest*.config"))
    lines = "".join(texts)
    devices = scenario(stressors=("page_cache", "high_order", {"kind": "slab", "size": "1MiB"}), zram="32MiB")
    for need in (each for each in needs_of(devices) if "COMPACTION" not in each.feature.options):
        assert any(f"CONFIG_{option}=y" in lines for option in need.feature.options), need


@given(st.sets(st.sampled_from(ALL)))
def test_a_fault_is_something_that_is_absent(there: set[str]) -> None:
    features = KernelFeatures("".join(f"CONFIG_{option}=y\n" for option in sorted(there)))
    faults, remarks = judge_kernel(needs_of(scenario()), features)
    assert (not faults) == {need.feature for need in needs_of(scenario()) if not need.figures_only}.issubset(
        {need.feature for need in needs_of(scenario()) if features.has(need.feature)}
    )
    assert not any("shows when it boots" in remark for remark in remarks)


def test_several_nodes_need_numa() -> None:
    two = scenario(nodes=2)
    assert require_kernels(two, images(KernelFeatures(config(NUMA="y")))) == []
    assert require_kernels(scenario(), images(KernelFeatures(config()))) == []
    assert fault(KernelFeatures(config()), two).message == (
        "own: no CONFIG_NUMA, which is needed for device.nodes: without it all memory is one node"
    )
    (remark,) = require_kernels(two, images(KernelFeatures(None, frozenset({"binder_linux"}))))
    assert "CONFIG_NUMA" in remark


def test_a_kernel_for_fewer_nodes_than_the_device_has() -> None:
    small = KernelConfig({"NUMA": "y", "NODES_SHIFT": "1"}, "config")
    manifest = MANIFEST.model_copy(update={"traits": traits_of(small, "arm64", unknown("-"))})
    guest = GuestImages(Path("k"), Path("i"), "6", 4096, manifest, features=KernelFeatures(config(NUMA="y")))
    assert require_kernels(scenario(nodes=2), {"own": guest}) == []
    with pytest.raises(InputError, match="own: it has 2 NUMA nodes at most"):
        require_kernels(scenario(nodes=4), {"own": guest})


def test_a_driver_that_nothing_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a kernel that is given nobody knows before it is looked at; the trigger fork needs no driver."""

    class Unable(QemuBackend):
        capabilities = replace(QemuBackend.capabilities, modules=Ability("it is up already"))

    monkeypatch.setitem(BACKENDS, "qemu", lambda _device: Unable())
    variant = VariantArtefacts(name="own", scope=None, patches=(), module_origin="distribution")
    manifest = MANIFEST.model_copy(update={"variants": (variant,)})
    guest = GuestImages(Path("k"), Path("i"), "6", 4096, manifest, features=KernelFeatures(config()))
    with pytest.raises(InputError, match="its binder driver is a module, and none can be loaded: it is up"):
        require_kernels(scenario(), {"own": guest})
    assert require_kernels(scenario(FORK), {"own": guest}) == []
