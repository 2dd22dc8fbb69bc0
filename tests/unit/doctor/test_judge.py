# SPDX-License-Identifier: Apache-2.0
"""Any host is judged from plain values: what is fine, what is slower, what keeps a run from being made."""

from __future__ import annotations

import pytest

from orchestrator.doctor import judge
from orchestrator.doctor.condition import Condition, State, diagnosis
from orchestrator.doctor.machine import (
    Accelerator,
    Archives,
    Interpreter,
    Library,
    Memory,
    Processors,
    Programs,
    SandboxTrial,
    StderrTerminal,
    Stored,
    User,
    Version,
    WritablePlace,
)
from orchestrator.errors import ExitCode
from orchestrator.guests.accelerator_report import KVM_BROKEN, AcceleratorReport
from orchestrator.host.programs import all_needs
from orchestrator.kernels.namespaces import Host

ROOT = User("root", is_root=True, has_sudo=False, has_apt=True)
ALICE = User("alice", is_root=False, has_sudo=True, has_apt=True)
FEDORA = User("alice", is_root=False, has_sudo=True, has_apt=False)
NEEDS = all_needs("amd64")
TCG = AcceleratorReport(
    accelerator="tcg",
    reason="there is no /dev/kvm",
    qemu_version="7.2.22",
    cpu_model="max",
    boot_s=2.5,
    loops_per_s=1,
)


def named(*names: str) -> Programs:
    """A host that lacks these."""
    return Programs(NEEDS, tuple(need for need in NEEDS if need.name in names))


def only(findings: object) -> Condition:
    """The one finding that is not fine."""
    assert hasattr(findings, "__iter__")
    (finding,) = [each for each in findings if each.state != "ok"]
    assert isinstance(finding, Condition)
    return finding


@pytest.mark.parametrize(
    ("user", "command"),
    [
        (ROOT, "apt-get install bubblewrap"),
        (ALICE, "sudo apt-get install bubblewrap"),
        (FEDORA, "on Debian and its relatives: apt-get install bubblewrap"),
    ],
)
def test_each_user_is_told_a_command_that_this_user_can_give(user: User, command: str) -> None:
    finding = only(judge.judge_programs(named("bwrap"), user))
    assert (finding.what, finding.state, finding.remedy) == ("bwrap", "fault", command)


def test_all_that_is_missing_is_one_command_without_what_every_debian_has() -> None:
    missing = named("bwrap", "qemu-system-aarch64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-strip", "tar")
    assert (
        judge.install(missing.missing, ROOT)
        == "apt-get install qemu-system-arm gcc-aarch64-linux-gnu bubblewrap"
    )
    assert judge.install((), ROOT) == ""


def test_what_only_the_review_of_mails_wants_keeps_no_run_from_being_made() -> None:
    assert only(judge.judge_programs(named("perl"), ROOT)).state == "warning"


def test_a_program_that_is_too_old_is_a_fault() -> None:
    finding = judge.judge_version("QEMU", Version("qemu", error="qemu is version 6.2.0, too old"))
    assert (finding.state, finding.detail) == ("fault", "qemu is version 6.2.0, too old")
    assert judge.judge_version("QEMU", Version("qemu", "7.2.22")).state == "ok"


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (Accelerator("arm64", TCG), "ok", "tcg (there is no /dev/kvm); a probe guest answered in 2.5 s"),
        (
            Accelerator("arm64", TCG.model_copy(update={"reason": f"{KVM_BROKEN}: MSR"})),
            "warning",
            "KVM does not work here: MSR",
        ),
        (Accelerator("arm64", TCG, kvm_forbidden=True), "warning", "tcg"),
        (Accelerator("arm64", not_probed="no kernel"), "warning", "not probed: no kernel"),
        (Accelerator("arm64", error="not in time"), "fault", "not in time"),
    ],
)
def test_an_accelerator_is_judged_by_its_probe(facts: Accelerator, state: State, words: str) -> None:
    finding = judge.judge_accelerator(facts, ALICE)
    assert finding.state == state
    assert words in finding.detail


def test_a_kvm_that_may_not_be_opened_has_a_remedy_for_this_user() -> None:
    forbidden = Accelerator("x86_64", TCG, kvm_forbidden=True)
    wanted = "usermod --append --groups kvm alice, then log in again"
    assert judge.judge_accelerator(forbidden, ALICE).remedy == f"sudo {wanted}"
    alone = User("alice", is_root=False, has_sudo=False, has_apt=True)
    assert judge.judge_accelerator(forbidden, alone).remedy == f"as root: {wanted}"
    mode = "chgrp kvm /dev/kvm && chmod 0660 /dev/kvm"
    assert judge.judge_accelerator(forbidden, ROOT).remedy == mode  # guests of root's are not root
    assert "'a b'" in judge.judge_accelerator(forbidden, User("a b", False, True, True)).remedy


def test_a_sandbox_that_cannot_be_set_up_has_a_remedy_for_this_user() -> None:
    host = Host({"kernel.unprivileged_userns_clone": "0"})
    trial = SandboxTrial("No permissions to create a new namespace", host)
    finding = only(judge.judge_sandbox(trial, ALICE))
    assert finding.state == "fault"
    assert finding.remedy == "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    assert only(judge.judge_sandbox(trial, ROOT)).remedy == "sysctl -w kernel.unprivileged_userns_clone=1"


def test_a_sandbox_tells_whose_rights_it_has_and_what_holds_it_down() -> None:
    works, limits = judge.judge_sandbox(
        SandboxTrial("", Host({}), "nobody's", "/sys/fs/cgroup/x (version 2)"), ALICE
    )
    assert (works.state, limits.state) == ("ok", "ok")
    assert "its rights: nobody's" in works.detail
    assert "/sys/fs/cgroup/x" in limits.detail


def test_a_sandbox_without_a_control_group_is_less_protected_and_says_so() -> None:
    _, limits = judge.judge_sandbox(SandboxTrial("", Host({}), "this user's"), ALICE)
    assert (limits.what, limits.state) == ("sandbox limits", "warning")
    assert "for each process alone" in limits.detail
    assert limits.remedy.startswith("systemd-run --user --scope")


def test_without_an_archive_no_kernel_can_be_fetched() -> None:
    fine = judge.judge_archives(Archives(("http://mirror.example/debian (releases; a.sources:1)",)))
    assert (fine.state, fine.detail) == ("ok", "http://mirror.example/debian (releases; a.sources:1)")
    none = judge.judge_archives(Archives((), "no Debian archive", "name one"))
    assert (none.state, none.remedy) == ("fault", "name one")


def test_memory_for_less_than_a_guest_and_its_fork_is_a_fault() -> None:
    assert judge.judge_memory(Memory(1 << 20, 0, "a guest and its fork need 768 MiB")).state == "fault"
    fine = judge.judge_memory(Memory(1000 << 20, 2))
    assert (fine.state, fine.detail) == (
        "ok",
        "1000 MiB can be given, enough for 2 guests of 256 MiB at once",
    )


@pytest.mark.parametrize(("load", "state"), [(None, "ok"), (2.0, "ok"), (2.1, "warning")])
def test_a_host_that_is_busier_than_it_has_cores_is_said(load: float | None, state: State) -> None:
    assert judge.judge_processors(Processors(2, load)).state == state


@pytest.mark.parametrize(
    ("place", "needed_now", "state"),
    [
        (WritablePlace("/c", 500_000_000), True, "ok"),
        (WritablePlace("/c", 499_999_999), True, "fault"),
        (WritablePlace("/c", 499_999_999), False, "warning"),
        (WritablePlace("/c", 0, "No space left on device"), False, "fault"),
    ],
)
def test_space_is_a_fault_only_where_it_is_needed_now(
    place: WritablePlace, needed_now: bool, state: State
) -> None:
    finding = judge.judge_place("cache", place, need_bytes=500_000_000, remedy="free", needed_now=needed_now)
    assert (finding.state, finding.remedy) == (state, "" if state == "ok" else "free")


def test_what_is_cached_needs_no_download() -> None:
    assert "first run downloads" in judge.judge_stored(Stored(3, 100, ())).detail
    assert judge.judge_stored(Stored(3, 2_000_000, ("debian-6.1 arm64 6.1.1-1",))).detail == (
        "debian-6.1 arm64 6.1.1-1; 3 entries, 2 MB"
    )


def test_no_terminal_is_no_fault_and_a_narrow_one_is_said() -> None:
    assert (
        judge.judge_terminal(StderrTerminal(is_terminal=False, kind="", columns=0, encoding="")).state == "ok"
    )
    for columns, state in ((79, "warning"), (80, "ok")):
        facts = StderrTerminal(is_terminal=True, kind="xterm", columns=columns, encoding="utf-8")
        assert judge.judge_terminal(facts).state == state


@pytest.mark.parametrize(
    ("wanted", "found", "fine"),
    [("2.11", "2.11", True), ("2.11", "2.9.5", False), ("2.11", "3.0rc1", True), ("2.11", "", False)],
)
def test_a_library_is_held_against_the_version_that_is_wanted(wanted: str, found: str, fine: bool) -> None:
    facts = Interpreter("/v/bin/python", "3.11.2", (Library("pydantic", wanted, found),))
    findings = list(judge.judge_interpreter(facts))
    assert all(finding.state == "ok" for finding in findings) is fine
    if not fine:
        assert only(findings).remedy == "/v/bin/python -m pip install 'pydantic>=2.11'"


def test_one_fault_is_enough_and_warnings_are_none() -> None:
    fine = Condition(what="a", state="ok", detail="")
    poor = fine.model_copy(update={"state": "warning"})
    broken = fine.model_copy(update={"state": "fault"})
    assert diagnosis([fine, poor], "").exit_code is ExitCode.MET
    assert diagnosis([fine, broken, poor], "").exit_code is ExitCode.COULD_NOT_RUN
