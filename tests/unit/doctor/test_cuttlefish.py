# SPDX-License-Identifier: Apache-2.0
"""What Cuttlefish lacks on a host is said with what mends it, and is a fault for those alone who want it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.doctor.condition import Condition
from orchestrator.doctor.cuttlefish_host import CuttlefishHost, Membership, Node, Told, look
from orchestrator.doctor.judge_cuttlefish import judge_cuttlefish
from orchestrator.doctor.machine import User

USER = User("me", is_root=False, has_sudo=True, has_apt=True)
FINE = CuttlefishHost(
    cvd=Told("1.57.0 (Google's)"),
    adb=Told("34.0.5-debian"),
    images=Told("/cf (123 aosp_cf)"),
    accepted=Told("a group was made"),
    nodes=(Node("/dev/kvm", exists=True, usable=True), Node("/dev/vhost-vsock", exists=True, usable=True)),
    groups=(Membership("kvm", exists=True, now=True, after_login=True),),
    accounts=10,
    numbers=(1, 2, 3),
    taken=(),
    is_virtual=False,
)


def judged(facts: CuttlefishHost, *, wanted: bool = True) -> dict[str, Condition]:
    return {each.what: each for each in judge_cuttlefish(facts, USER, wanted=wanted)}


def test_a_host_that_has_it_all() -> None:
    found = judged(FINE)
    assert {each.state for each in found.values()} == {"ok"}
    assert found["instance numbers"].detail == "3 of 3 instance numbers free; num_cvd_accounts is 10"


def test_without_cvd_nobody_is_bothered_who_did_not_ask() -> None:
    facts = replace(FINE, cvd=Told(error="cvd is not installed", remedy="install it"), accepted=None)
    (line,) = judge_cuttlefish(facts, USER, wanted=False)
    assert (line.state, line.detail) == ("ok", "cvd is not installed; only `backend: cuttlefish` needs it")
    assert (judged(facts)["cvd"].state, judged(facts)["cvd"].remedy) == ("fault", "install it")


@pytest.mark.parametrize(("wanted", "state"), [(True, "fault"), (False, "warning")])
def test_what_cvd_refuses_is_a_fault_for_those_who_want_it(wanted: bool, state: str) -> None:
    facts = replace(FINE, accepted=Told(error="cvd refuses this host", remedy="join the groups"))
    line = judged(facts, wanted=wanted)["cvd accepts this host"]
    assert (line.state, line.remedy) == (state, "join the groups")


def test_devices_that_are_missing_or_closed_have_remedies_of_their_own() -> None:
    nodes = (
        Node("/dev/kvm", exists=False, usable=False),
        Node("/dev/vhost-vsock", exists=False, usable=False),
        Node("/dev/net/tun", exists=True, usable=False),
    )
    found = judged(replace(FINE, nodes=nodes, is_virtual=True))
    assert "nested virtualisation" in found["/dev/kvm"].remedy
    assert found["/dev/vhost-vsock"].remedy == "sudo modprobe vhost_vsock"
    assert found["/dev/net/tun"].remedy.startswith("sudo usermod --append --groups cvdnetwork me")
    assert "firmware" in judged(replace(FINE, nodes=nodes))["/dev/kvm"].remedy


def test_a_group_that_was_joined_takes_a_new_login() -> None:
    groups = (
        Membership("kvm", exists=True, now=False, after_login=True),
        Membership("cvdnetwork", exists=True, now=False, after_login=False),
        Membership("render", exists=False, now=False, after_login=False),
    )
    found = judged(replace(FINE, groups=groups))
    assert found["group kvm"].remedy == "log in again"
    assert "usermod --append --groups cvdnetwork me" in found["group cvdnetwork"].remedy
    assert found["group render"].detail.startswith("no such group")


def test_debians_default_of_no_accounts_is_told_with_both_ways_out() -> None:
    line = judged(replace(FINE, accounts=0))["instance numbers"]
    assert line.state == "warning"
    assert "use_cvdalloc: true, host_substitutions: all" in line.remedy


def test_numbers_in_use_are_told_with_who_has_them() -> None:
    taken = ("1: port 6520 is in use", "2: x", "3: y")
    line = judged(replace(FINE, taken=taken))["instance numbers"]
    assert (line.state, "0 of 3" in line.detail, taken[0] in line.detail) == ("warning", True, True)


def test_a_look_at_a_host_without_cvd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANDROID_HOST_OUT", "ANDROID_PRODUCT_OUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for path, text in {
        "etc/default/cuttlefish-host-resources": "# num_cvd_accounts=10\nnum_cvd_accounts=4\n",
        "proc/cpuinfo": "flags\t\t: fpu vmx hypervisor lahf_lm\n",
        "sys/class/net/cvd-mtap-01/x": "",
        "dev/kvm": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    facts = look(tmp_path)
    assert facts.cvd.error == "cvd is not installed"
    assert facts.accepted is None
    assert "cvd fetch" in facts.images.remedy
    assert (facts.accounts, facts.numbers, facts.is_virtual) == (4, (1,), True)
    assert {node.path: node.exists for node in facts.nodes}["/dev/kvm"]
    assert not {node.path: node.exists for node in facts.nodes}["/dev/vhost-vsock"]
