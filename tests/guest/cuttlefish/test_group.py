# SPDX-License-Identifier: Apache-2.0
"""Groups of the real cvd, of either version that Debian has: made, refused, and cleaned up after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.arch import DEFAULT_ARCH
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.files.folder import Folder
from orchestrator.guests.cuttlefish import group, reservation
from orchestrator.guests.cuttlefish.check import require_host
from orchestrator.guests.cuttlefish.command import DevicePlan, create_unstarted, remove
from orchestrator.guests.cuttlefish.failure import Taken
from orchestrator.guests.cuttlefish.group import created_group, fleet
from orchestrator.guests.cuttlefish.places import find_places
from orchestrator.guests.cuttlefish.version import probe
from orchestrator.host.process import run
from orchestrator.kernels.cache import Cache
from orchestrator.paths import cache_dir
from orchestrator.scenario.cuttlefish import Cuttlefish
from tests.cuttlefish.fixture import devices_left
from tests.cuttlefish.lab import Lab, lay_out
from tests.cuttlefish.packages import fetch_programs
from tests.guest.built_kernel import built_kernel

pytestmark = pytest.mark.guest

Enter = Callable[[Lab], Lab]


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Enter]:
    """Makes a lab this machine's Cuttlefish. Nothing of devices is left in it afterwards."""
    labs = []

    def enter(lab: Lab) -> Lab:
        for name, value in lab.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(group, "STATES", (lab.directory / "state/cvd",))
        labs.append(lab)
        return lab

    yield enter
    for lab in labs:
        assert fleet().groups == []
        assert devices_left(lab) == []


@pytest.fixture(scope="session")
def older_lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The lab with the cvd of Debian's testing, where that is another one."""
    try:
        programs = fetch_programs(Cache(cache_dir()), print, ("testing",))
    except HostError as error:
        pytest.skip(f"no older cvd: {error.message}")
    return lay_out(tmp_path_factory.mktemp("older") / "lab", programs)


def plan_in(lab: Lab) -> DevicePlan:
    return DevicePlan(
        host_path=lab.host, product_path=lab.product, kernel=built_kernel().image.file("vmlinuz"), cpus=1,
        memory_mib=256, vmm="qemu_cli",
    )  # fmt: skip


def soon() -> Deadline:
    return Deadline.after(120, "cvd has created the device")


def test_a_device_of_an_older_cvd(cvd_lab: Lab, older_lab: Lab, entered: Enter, tmp_path: Path) -> None:
    if older_lab.version == cvd_lab.version:
        pytest.skip("testing and sid have one cvd")
    lab = entered(older_lab)
    assert "fleet" in probe().commands
    with created_group(plan_in(lab), Folder(tmp_path), soon()) as made:
        (told,) = fleet().groups
        assert (told.group_name, told.instances[0].status) == (made.name, "Running")
        assert b"VIRTUAL_DEVICE_BOOT_COMPLETED" in made.kernel_log.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cvd.log", "launcher.log", "logcat"]


def test_an_older_cvd_refuses_in_words_of_its_own(older_lab: Lab, entered: Enter, tmp_path: Path) -> None:
    lab = entered(older_lab)
    lab.join_groups(False)
    with pytest.raises(HostError, match="cvd refuses this host") as told:
        group.require_accepted(lab.host, lab.product, tmp_path)
    assert "usermod" in told.value.hint
    lab.join_groups()
    group.require_accepted(lab.host, lab.product, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_clash_leaves_behind_is_removed_and_the_other_group_is_not(
    cvd_lab: Lab, entered: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cvd refuses the number, and leaves a directory of which its database knows nothing."""
    lab = entered(cvd_lab)
    other, folder = tmp_path / "other", tmp_path / "folder"
    other.mkdir()
    folder.mkdir()
    environment = {"HOME": str(other)}
    run(create_unstarted(lab.host, lab.product, "another", 5), env=environment, deadline=soon())
    monkeypatch.setattr(reservation, "prepared_numbers", lambda: [5])
    monkeypatch.setattr(reservation, "in_use", lambda _number: "")
    with pytest.raises(HostError) as told, created_group(plan_in(lab), Folder(folder), soon()):
        pass
    state = lab.directory / "state/cvd"
    homes = [path.readlink() for path in state.glob("*/*/home")]
    run(remove("another"), env=environment, deadline=soon())
    assert homes == [other]
    assert not isinstance(told.value, Taken)
    assert told.value.evidence == ("5: it was taken just now",)
    assert [path.name for path in folder.iterdir()] == ["cvd.log"]


def test_flags_are_held_against_the_launchers_own_list(cvd_lab: Lab, entered: Enter) -> None:
    entered(cvd_lab)
    places = find_places(Cuttlefish())
    good = Cuttlefish(flags={"gpu_mode": "none", "use_cvdalloc": "true", "host_substitutions": "all"})
    require_host(good, places, DEFAULT_ARCH)
    with pytest.raises(HostError, match="does not know 'gpu_mod'") as told:
        require_host(Cuttlefish(flags={"gpu_mod": "none"}), places, DEFAULT_ARCH)
    assert told.value.hint == "did you mean 'gpu_mode'?"
