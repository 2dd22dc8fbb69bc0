# SPDX-License-Identifier: Apache-2.0
"""From what was looked at of Cuttlefish to findings. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from orchestrator.doctor.condition import Condition, State
from orchestrator.doctor.cuttlefish_host import CuttlefishHost, Told
from orchestrator.doctor.machine import User
from orchestrator.text.amounts import count_of

_KVM = "/dev/kvm"
_MODULES = {"/dev/vhost-vsock": "vhost_vsock", "/dev/vhost-net": "vhost_net", "/dev/net/tun": "tun"}
_SETTINGS = "/etc/default/cuttlefish-host-resources"


def judge_cuttlefish(facts: CuttlefishHost, user: User, *, wanted: bool) -> Iterator[Condition]:
    """A line for each; one for all where there is no cvd and nobody asked.

    What is missing is a fault where Cuttlefish is `wanted`, else a warning: runs under QEMU need none of it.
    """
    missing: State = "fault" if wanted else "warning"
    if facts.cvd.error and not wanted:
        detail = f"{facts.cvd.error}; only `backend: cuttlefish` needs it"
        yield Condition(what="Cuttlefish", state="ok", detail=detail)
        return
    yield _told("cvd", facts.cvd, missing)
    yield _told("adb", facts.adb, missing)
    yield _told("Cuttlefish images", facts.images, missing)
    if facts.accepted is not None:
        yield _told("cvd accepts this host", facts.accepted, missing)
    yield from _nodes(facts, user)
    yield from _groups(facts, user)
    yield _numbers(facts)


def _told(what: str, told: Told, missing: State) -> Condition:
    if told.error:
        return Condition(what=what, state=missing, detail=told.error, remedy=told.remedy)
    return Condition(what=what, state="ok", detail=told.text)


def _nodes(facts: CuttlefishHost, user: User) -> Iterator[Condition]:
    """Never a fault: which of them a launcher opens depends on its version, the VMM and the guest."""
    for node in facts.nodes:
        if node.usable:
            continue
        if not node.exists:
            yield Condition(
                what=node.path,
                state="warning",
                detail="does not exist",
                remedy=_bring(node.path, facts, user),
            )
        else:
            yield Condition(
                what=node.path,
                state="warning",
                detail="may not be read and written by this user",
                remedy=_join("kvm" if node.path == _KVM else "cvdnetwork", user),
            )
    there = [node.path for node in facts.nodes if node.usable]
    if there:
        yield Condition(what="Cuttlefish devices", state="ok", detail=f"{', '.join(there)} can be opened")


def _bring(path: str, facts: CuttlefishHost, user: User) -> str:
    if path in _MODULES:
        return f"{_as_root(user)}modprobe {_MODULES[path]}"
    if facts.is_virtual:
        return (
            "this is a virtual machine: turn nested virtualisation on where it is defined; without it only"
            " guests of another architecture run, emulated"
        )
    return "turn virtualisation on in the firmware"


def _groups(facts: CuttlefishHost, user: User) -> Iterator[Condition]:
    for group in facts.groups:
        if not group.exists:
            detail, remedy = "no such group: packages make it (udev, cuttlefish-base)", ""
        elif group.now:
            continue
        elif group.after_login:
            detail, remedy = f"{user.name} is in it, but was not at this login", "log in again"
        else:
            detail, remedy = f"{user.name} is not in it", _join(group.name, user)
        yield Condition(what=f"group {group.name}", state="warning", detail=detail, remedy=remedy)
    mine = [group.name for group in facts.groups if group.now]
    if mine:
        yield Condition(what="Cuttlefish groups", state="ok", detail=f"in {', '.join(mine)}")


def _numbers(facts: CuttlefishHost) -> Condition:
    free = len(facts.numbers) - len(facts.taken)
    detail = f"{free} of {count_of('instance number', len(facts.numbers))} free"
    if facts.taken:
        detail += f" (in use: {'; '.join(facts.taken)})"
    if facts.accounts == 0:
        return Condition(
            what="instance numbers",
            state="warning",
            detail=f"num_cvd_accounts is 0, Debian's default: no network devices are set up; {detail}",
            remedy=f"set it in {_SETTINGS} and restart cuttlefish-host-resources, or say in the scenario"
            " device.cuttlefish.flags: {use_cvdalloc: true, host_substitutions: all}",
        )
    if not free:
        return Condition(
            what="instance numbers", state="warning", detail=detail, remedy="`cvd fleet` lists what runs"
        )
    said = "" if facts.accounts is None else f"; num_cvd_accounts is {facts.accounts}"
    return Condition(what="instance numbers", state="ok", detail=f"{detail}{said}")


def _join(group: str, user: User) -> str:
    return f"{_as_root(user)}usermod --append --groups {group} {shlex.quote(user.name)}, then log in again"


def _as_root(user: User) -> str:
    return "" if user.is_root else "sudo " if user.has_sudo else "as root: "
