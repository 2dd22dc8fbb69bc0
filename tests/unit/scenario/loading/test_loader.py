# SPDX-License-Identifier: Apache-2.0
"""Every fault of a scenario file is told with its place, in plain words, with the nearest valid word."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import ExitCode
from orchestrator.outcome import Outcome
from orchestrator.scenario.loading.loader import load_scenario, load_text
from orchestrator.scenario.loading.problems import Problem, ScenarioInvalid
from orchestrator.scenario.triggers.binder_mmap import BinderMmap
from orchestrator.units import MIB
from tests.unit.scenario.conftest import GOOD, Load, Refuse


def test_a_good_file_loads_whole(load: Load, tmp_path: Path) -> None:
    loaded = load()
    scenario = loaded.scenario
    assert scenario.device.memory == 256 * MIB
    assert list(scenario.variants) == ["kcalloc", "kvcalloc"]
    assert isinstance(scenario.trigger, BinderMmap)
    assert scenario.trigger.hold
    assert scenario.expectations["kcalloc"].expected_outcome is Outcome.OOM
    assert scenario.variants["kvcalloc"].patches == (tmp_path / "mine.patch",)
    assert loaded.warnings == ()
    assert loaded.text == GOOD


# What to replace in the good file, by what; the line to blame and what stands at the column to blame;
# a piece of the message; the nearest word.
FAULTS = [
    ("trials: {blocks", "trials: {bloks", 10, "bloks", "unknown key 'bloks' in trials", "blocks"),
    ("device:", "devise:", 2, "devise", "unknown key 'devise'", "device"),
    ("arch: arm64", "arch: aarch64", 2, "aarch64", "must be one of arm64, x86_64, not 'aarch64'", "arm64"),
    ("arch: arm64", "arch: amd64", 2, "amd64", "not 'amd64'", "x86_64"),
    ("debian-6.1}", "debian-6.1.0}", 4, "debian-6.1.0", "not 'debian-6.1.0'", "debian-6.1"),
    ("256MiB", "256", 2, "256", "a size needs a unit, such as 256MiB or 64KiB, not 256", "256MiB"),
    ("256MiB", "256Mbit", 2, "256Mbit", "a size needs a unit", "256MiB"),
    ("256MiB", "1MiB", 2, "1MiB", "a size from 64MiB to 64GiB is possible here, not 1MiB", None),
    ("256MiB", "1024GiB", 2, "1024GiB", "a size from 64MiB to 64GiB", None),
    ("256MiB", "-256MiB", 2, "-256MiB", "a size needs a unit", None),
    ("256MiB", "100000001B", 2, "100000001B", "must be a multiple of 1MiB", None),
    ("256MiB", "[1]", 2, "[1", "a size needs a unit", None),
    ("memory: 256MiB", "memory: 256MiB, cma: 256MiB", 2, "cma", "CMA must be smaller", None),
    ("memory: 256MiB", "memory: 256MiB, ram: 3", 2, "ram", "unknown key 'ram'", "memory"),
    ("memory: 256MiB", "memory: 256MiB, cpus: 65", 2, "65", "must be at most 64, not 65", None),
    ("memory: 256MiB", "memory: 256MiB, cpus: '2'", 2, "'2", "must be a whole number, not '2'", None),
    (
        "memory: 256MiB",
        "memory: 256MiB, sysctls: {vm.x: 1.5}",
        2,
        "1.5",
        "a sysctl takes a whole number",
        None,
    ),
    ("memory: 256MiB", "memory: 256MiB, sysctls: {foo: 1}", 2, "foo", "not the name of a sysctl", None),
    ("memory: 256MiB", "memory: 256MiB, sysctls: {kernel.panic: 1}", 2, "kernel.panic", "oomlab's own", None),
    ("memory: 256MiB", "memory: 256MiB, cmdline: [a b]", 2, "a", "one word of the kernel command line", None),
    (
        "memory: 256MiB",
        "memory: 256MiB, cmdline: [console=tty0]",
        2,
        "console",
        "'console=' is oomlab's own",
        None,
    ),
    (
        "memory: 256MiB",
        "memory: 256MiB, cmdline: [oomlab.seed=1]",
        2,
        "oomlab.seed",
        "'oomlab.' is oomlab's own",
        None,
    ),
    ("name: example", "name: Example", 1, "Example", "a name consists of small letters", None),
    ("name: example", "name: ../etc", 1, "../etc", "a name consists of small letters", None),
    ("name: example", "name: [a]", 1, "[a", "must be text, not a list", None),
    ("name: example\n", "", 1, "device", "the key 'name' is missing", None),
    ("count: 600", "cuont: 600", 9, "trigger", "the key 'count' is missing", None),
    ("count: 600", "count: 0", 9, "0", "must be at least 1, not 0", None),
    (
        "count: 600",
        "count: 60, processes: 61",
        9,
        "processes",
        "61 processes cannot share 60 mmaps",
        None,
    ),
    ("count: 600", "count: 600, hold: yes", 9, "yes", "must be true or false, not 'yes'", None),
    ("count: 600", "count: 600, pause: 10", 9, "10", "a duration needs a unit", "10s"),
    ("count: 600", "count: 600, stop: first", 9, "first}", "must be one of first-oom, end", "first-oom"),
    ("count: 600", "count: 600, memory: 1", 9, "memory", "unknown key 'memory' in trigger", None),
    ("binder-mmap", "binder", 9, "{kind", "the kind must be one of allocate, binder-mmap", "binder-mmap"),
    ("kind: binder-mmap, ", "", 9, "{size", "the key 'kind' is missing", None),
    ("[pipes]", "[pipe]", 8, "pipe", "must be one of pipes, high_order", "pipes"),
    ("[pipes]", "[pipes, pipes]", 8, "[pipes, pipes]", "the stressor pipes is given twice", None),
    ("[pipes]", "[ballast]", 8, "ballast", "ballast needs a size", None),
    ("[pipes]", "[{kind: ballast, size: 256MiB}]", 8, "{kind", "ballast of 256MiB does not fit", None),
    ("[pipes]", "pipes", 8, "pipes", "must be a list, not 'pipes'", None),
    ("max: 300", "max: 300, min: 301", 7, "min: 301", "'min' is above 'max'", None),
    (", max: 300", "", 7, "usable_units", "needs 'min', 'max' or both", None),
    ("{order: 3, max: 300}", "[]", 7, "", "needs 'usable_units', or a 'picture'", None),
    ("min: 64MiB", "min: 512MiB", 7, "min", "more than the device's 256MiB cannot be free", None),
    ("order: 3, max: 300", "order: 11, max: 300", 7, "11", "must be at most 10, not 11", None),
    ("hard: required", "hard: require", 7, "require", "must be one of required, forbidden", "required"),
    ("[mine.patch]", "[min.patch]", 5, "min.patch", "no such patch file: 'min.patch'", "mine.patch"),
    (", scope: drivers/android", "", 5, "patches", "patches need a scope", None),
    (
        "drivers/android",
        "drivers/andriod",
        5,
        "drivers/andriod",
        "must be 'drivers/android'",
        "drivers/android",
    ),
    (
        "  kvcalloc: {outcome",
        "  kvcaloc: {outcome",
        13,
        "kvcaloc",
        "no variant is called 'kvcaloc'",
        "kvcalloc",
    ),
    ("outcome: oom,", "outcome: oomed,", 12, "oomed", "must be one of passed, oom,", "oom"),
    ("outcome: oom,", "outcome: target-missed,", 12, "target-missed", "must be one of passed, oom,", None),
    (
        "outcome: oom,",
        "outcome: oom, oom: never,",
        12,
        "oom",
        "'oom: never' contradicts 'outcome: oom'",
        None,
    ),
    (
        "outcome: passed",
        "outcome: passed, first_oom: {order: 3}",
        13,
        "first_oom",
        "'first_oom' needs an OOM",
        None,
    ),
    ("{outcome: passed}", "{}", 13, "kvcalloc", "expects nothing", None),
    ("outcome: passed", "requests_failed: 601", 13, "requests_failed", "the trigger makes 600 mmaps", None),
    ("outcome: oom,", "killed: bystander,", 12, "killed", "the scenario has no bystanders", None),
    ("outcome: passed", "exit_status: 3", 13, "exit_status", "the trigger is no command", None),
    ("outcome: passed", "outcome: command-failed", 13, "outcome", "the trigger is no command", None),
    ("outcome: oom,", "signal: SIGSEGF,", 12, "signal", "no signal is called 'SIGSEGF'", "SIGSEGV"),
    ("outcome: oom,", "signal: SIGSEGV, exit_status: 1,", 12, "signal", "give one of the two", None),
    ("outcome: passed", "outcome: passed, exit_status: 3", 13, "exit_status", "exit status 0", None),
    ("outcome: passed", "outcome: command-failed, exit_status: 0", 13, "exit_status", "not failed", None),
    ("outcome: passed", "vmstat: {X: {min: 1}}", 13, "X", "must match", None),
    ("  kcalloc: {base", "  common: {base", 4, "common", "the name 'common' is taken", None),
    ("name: example", "name: example\nname: other", 2, "name", "the key 'name' is given twice", None),
    ("  target", "\ttarget", 7, "\ttarget", "a tab cannot be used here", None),
]


@pytest.mark.parametrize(("old", "new", "line", "begin", "what", "nearest"), FAULTS)
def test_fault_is_told(
    refuse: Refuse, old: str, new: str, line: int, begin: str, what: str, nearest: str | None
) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    fitting = [problem for problem in refuse(text) if what in problem.what]
    assert len(fitting) == 1
    (problem,) = fitting
    assert problem.line == line
    assert problem.column is not None
    assert text.splitlines()[line - 1][problem.column - 1 :].startswith(begin)
    assert problem.nearest == nearest


def test_16k_pages_exist_for_arm64_only(refuse: Refuse) -> None:
    text = GOOD.replace("arch: arm64", "arch: x86_64").replace("debian-6.1}", "debian-6.12-16k}")
    (problem,) = refuse(text)
    assert (problem.line, problem.column, problem.nearest) == (4, 13, "debian-6.12")


def test_all_faults_are_told_at_once_in_the_order_of_the_file(refuse: Refuse) -> None:
    text = GOOD
    for old, new in [
        ("256MiB", "256"),
        ("[mine.patch]", "[mine.patch, no.patch]"),
        ("max: 300", "max: 300, min: 400"),
        ("[pipes]", "[{kind: ballast}]"),
        ("blocks: 2", "blocks: none"),
        ("  kvcalloc: {outcome: passed", "  kvcaloc: {outcome: passed"),
    ]:
        text = text.replace(old, new, 1)
    problems = refuse(text)
    assert [problem.line for problem in problems] == [2, 5, 7, 8, 10, 13]


def test_relations_are_checked_although_other_fields_are_bad(refuse: Refuse) -> None:
    problems = refuse(
        GOOD.replace("[pipes]", "[{kind: ballast, size: 1GiB}]").replace("blocks: 2", "blocks: 0")
    )
    assert [problem.line for problem in problems] == [8, 10]


def test_the_message_is_what_editors_and_people_can_follow(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        load(GOOD.replace("blocks", "bloks"))
    file = tmp_path / "example.yaml"
    assert str(caught.value) == (
        f"{file}:10:10: unknown key 'bloks' in trials; the keys are blocks, fork, forks, seed, clock,"
        " timing (did you mean 'blocks'?)"
    )
    assert caught.value.exit_code is ExitCode.BAD_INPUT


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"- a\n- b\n", "a scenario is a section with keys, not a list"),
        (b"just words\n", "a scenario is a section with keys, not 'just words'"),
        (b"name: [unfinished\n", "not readable as YAML"),
        (b"name: 'unfinished\n", "not readable as YAML"),
        (b"a: 1\n---\nb: 2\n", "a second YAML document"),
        (b"\x7fELF\x02\x01\x01\0\0", "is a binary file"),
        (b"name: \xff\xfe\n", "byte 0xff is not UTF-8 text"),
        (b"name: \x1b[31mred\n", "a control character"),
        (b"[" * 5000, "nested too deeply"),
        (b"a: &a [*a]\n", "nested too deeply"),
        (b"a: *nobody\n", "undefined alias"),
        (b"x" * (1024 * 1024 + 1), "larger than 1024 KiB"),
        (b"name: !!python/object/apply:os.system [true]\n", "the YAML tag"),
        (b"<<: {name: a}\n", "merge keys"),
        (b"? [a]\n: b\n", "a key must be a plain word"),
        (b"trials: {seed: " + b"9" * 6000 + b"}\n", "not a usable number"),
    ],
)
def test_what_is_no_scenario_at_all(refuse: Refuse, text: bytes, what: str) -> None:
    problems = refuse(text)
    assert any(what in problem.what for problem in problems), problems


def test_a_bomb_of_aliases_is_defused(refuse: Refuse) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (problem,) = refuse("\n".join(lines))
    assert "more than 20000 values" in problem.what


def test_every_duplicate_key_is_told(refuse: Refuse) -> None:
    problems = refuse(GOOD + "name: b\ntrials: {seed: 1, seed: 2}\n")
    assert [(problem.line, problem.what) for problem in problems] == [
        (14, "the key 'name' is given twice, first in line 1"),
        (15, "the key 'trials' is given twice, first in line 10"),
    ]


def test_a_name_of_digits_is_a_name(load: Load) -> None:
    loaded = load(GOOD.replace("  kcalloc:", "  6.1:"))
    assert list(loaded.scenario.variants) == ["6.1", "kvcalloc"]


def test_aliases_work(load: Load) -> None:
    text = GOOD.replace("{base: debian-6.1}", "&it {base: debian-6.1}", 1).replace(
        "trigger:", "  third: *it\ntrigger:", 1
    )
    text = text.replace("  third: *it\n", "").replace("fragmentation:", "  third: *it\nfragmentation:", 1)
    assert load(text).scenario.variants["third"].base == "debian-6.1"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(load: Load, good: str) -> None:
    assert load(b"\xef\xbb\xbf" + good.replace("\n", "\r\n").encode()).scenario == load().scenario


def problem_of(path: Path) -> Problem:
    with pytest.raises(ScenarioInvalid) as caught:
        load_scenario(path)
    (problem,) = caught.value.problems
    return problem


def test_a_missing_file_names_the_nearest(load: Load, tmp_path: Path) -> None:
    load()
    assert problem_of(tmp_path / "exampel.yaml").nearest == str(tmp_path / "example.yaml")


def test_a_bare_name_means_the_shipped_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_scenario(Path("binder-order3")).scenario.name == "binder-order3"
    assert problem_of(Path("binder-ordr3")).nearest == "binder-order3"
    assert problem_of(Path("binder-ordr3.yaml")).nearest == "binder-order3"


def test_a_directory_is_no_scenario(tmp_path: Path) -> None:
    assert problem_of(tmp_path).what == "is a directory, not a scenario file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch(mode=0)
    assert problem_of(tmp_path / "a.yaml").what == "cannot be read: Permission denied"


def test_an_endless_file_is_not_read_to_its_end() -> None:
    assert "larger than" in problem_of(Path("/dev/zero")).what


def expect_no_crash(text: str) -> None:
    try:
        load_text(text, Path("/nowhere/example.yaml"))
    except ScenarioInvalid as error:
        assert error.problems  # noqa: PT017 - it may just as well load


@settings(max_examples=150)
@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_a_spoilt_file_never_ends_in_a_traceback(chance: random.Random, times: int) -> None:
    text = list(GOOD)
    for _ in range(times):
        at = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                del text[at : at + chance.randrange(1, 12)]
            case 1:
                text.insert(at, chance.choice("{}[]:,&*!|>%@`'\"-#?\t\n 0~<="))
            case 2:
                start = chance.randrange(len(text))
                text[at:at] = text[start : start + 20]
            case _:
                text[at] = chr(chance.randrange(1, 0x3000))
    expect_no_crash("".join(text))


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_any_text_never_ends_in_a_traceback(text: str) -> None:
    expect_no_crash(text)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["4MiB", "pipes", "binder-mmap", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "order", "x"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.sampled_from(["device", "variants", "fragmentation", "trigger", "trials", "expectations"]), JUNK)
def test_any_value_in_any_place_never_ends_in_a_traceback(key: str, junk: object) -> None:
    lines = [line for line in GOOD.splitlines() if not line.startswith((f"{key}:", "  "))]
    expect_no_crash("\n".join([*lines, f"{key}: {junk!r}".replace("None", "~").lower()]))
