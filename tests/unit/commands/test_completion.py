# SPDX-License-Identifier: Apache-2.0
"""Completion as shells do it: bash, zsh and fish themselves where they are installed, and their protocols."""

from __future__ import annotations

import os
import pty
import shutil
import sys
from pathlib import Path

import pytest

from orchestrator.commands.completions import glue_words
from orchestrator.deadline import Deadline
from orchestrator.host.process import run, start
from orchestrator.outcome import Outcome
from orchestrator.report.formats.registry import FORMATS
from orchestrator.scenario.loading.files import shipped_scenarios
from orchestrator.scenario.loading.profile_files import profile_files

COMMAND = """#!/bin/sh
[ -z "${{_OOMLAB_COMPLETE:-}}" ] || PYTHONPATH={checkout} exec {python} -P -m orchestrator
printf 'GOT'
printf ' [%s]' "$@"
echo ' END'
"""
SSH = "Host lab build-1 *.example !not\n  User me\nInclude more/*.conf\nHost=tail\n"


@pytest.fixture(name="home")
def _home(tmp_path: Path, checkout: Path) -> Path:
    """A home with a machine in it, a scenario, and a command that says what it was given."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/oomlab").write_text(COMMAND.format(checkout=checkout, python=sys.executable))
    (tmp_path / "bin/oomlab").chmod(0o755)
    (tmp_path / ".ssh/more").mkdir(parents=True)
    (tmp_path / ".ssh/config").write_text(SSH)
    (tmp_path / ".ssh/more/a.conf").write_text("Host rack\nInclude ../more/a.conf\n")
    (tmp_path / "binder-mine.yaml").touch()
    (tmp_path / "report-here.html").touch()
    return tmp_path


def settings(home: Path, **more: str) -> dict[str, str]:
    path = f"{home}/bin:{os.environ['PATH']}"
    return {"HOME": os.fspath(home), "PATH": path, "TERM": "dumb", "PS1": "> ", **more}


def offered(home: Path, line: str, shell: str = "fish") -> list[str]:
    """The words that a shell is given for a line, by the protocol of fish or zsh."""
    asked = {"_OOMLAB_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line}
    done = run(
        [home / "bin/oomlab"], env=settings(home, _TYPER_COMPLETE_FISH_ACTION="get-args", **asked), cwd=home,
        deadline=Deadline.after(60, "the words"), check=False,
    )  # fmt: skip
    assert done.stderr == b""
    return [word.split("\t")[0] for word in done.stdout.decode().splitlines() if word]


def typed(home: Path, shell: list[str], prepared: str, line: str) -> str:
    """What the command is given when somebody types that line in a real shell, tabs included."""
    ours, theirs = pty.openpty()
    with start(shell, env=settings(home), cwd=home, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        os.write(ours, f"{prepared}; echo REA''DY\n".encode())
        _until(ours, b"READY")
        os.write(ours, f"{line}\n".encode())
        said = _until(ours, b" END")
        child.kill()
    os.close(ours)
    return said.rpartition(b"GOT ")[2].partition(b" END")[0].decode()


def _until(descriptor: int, word: bytes) -> bytes:
    deadline = Deadline.after(60, f"the shell says {word!r}")
    said = b""
    while word not in said:
        deadline.check()
        said += os.read(descriptor, 1 << 16)
    return said


BASH = (["bash", "--norc", "--noprofile", "-i"], "source <(_OOMLAB_COMPLETE=source_bash oomlab)")
ZSH = (
    ["zsh", "-f", "-i"],
    'autoload -U compinit && compinit -u -D && eval "$(_OOMLAB_COMPLETE=source_zsh oomlab)"',
)
OUTCOME = "expectations.a.outcome"
LINES = [
    ("oomlab run binder-order3-x\t", "[run] [binder-order3-x86_64]"),
    ("oomlab run binder-m\tine\t", "[run] [binder-mine.yaml]"),
    ("oomlab devices ext\t", "[devices] [extreme-512mb]"),
    ("oomlab report runs/latest --format mark\t", "[report] [runs/latest] [--format] [markdown]"),
    ("oomlab run x --report ju\t", "[run] [x] [--report] [junit=report.xml]"),
    ("oomlab run x --host bu\t", "[run] [x] [--host] [build-1]"),
    ("oomlab run x --host me@bu\t", "[run] [x] [--host] [me@build-1]"),
    (f"oomlab run x --set {OUTCOME}=kernel\t", f"[run] [x] [--set] [{OUTCOME}=kernel-crash]"),
    ("oomlab repr\t", "[reproduce]"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "given"), LINES)
@pytest.mark.parametrize("shell", [BASH, ZSH], ids=["bash", "zsh"])
def test_a_real_shell_completes_what_is_typed(
    home: Path, shell: tuple[list[str], str], line: str, given: str
) -> None:
    (program, *arguments), prepared = shell
    if shutil.which(program) is None:
        pytest.skip(f"{program.upper()} IS NOT INSTALLED: its completion is not tried")
    assert typed(home, [program, *arguments], prepared, line) == given


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("oomlab run x --report html=report-h\t", "[run] [x] [--report] [html=report-here.html]"),
        ("oomlab run x --report=ju\t", "[run] [x] [--report=junit=report.xml]"),
        (f"oomlab run x --set={OUTCOME}=kernel\t", f"[run] [x] [--set={OUTCOME}=kernel-crash]"),
    ],
)
def test_bash_completes_files_by_itself_and_options_with_an_equals_sign(
    home: Path, line: str, given: str
) -> None:
    assert typed(home, *BASH, line) == given


def test_fish_completes(home: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("FISH IS NOT INSTALLED: its completion is not tried")
    script = '_OOMLAB_COMPLETE=source_fish oomlab | source; complete --do-complete "oomlab run x --host bu"'
    done = run(["fish", "--no-config", "-c", script], env=settings(home), deadline=Deadline.after(60, "fish"))
    assert done.stdout.decode().split() == ["build-1"]


def test_what_there_is_is_offered(home: Path) -> None:
    assert set(offered(home, "oomlab run ")) == {*shipped_scenarios(), "binder-mine.yaml"}
    for command in ("shell", "search", "bisect-step", "validate", "images build"):
        assert "binder-order3" in offered(home, f"oomlab {command} "), command
    assert set(offered(home, "oomlab devices ")) == set(profile_files())
    assert set(offered(home, "oomlab report r -f ")) == set(FORMATS)
    assert {word.partition("=")[0] for word in offered(home, "oomlab run x --report ")} == set(FORMATS)
    for command in ("run x --host ", "attach --host ", "doctor --host ", "host setup "):
        assert offered(home, f"oomlab {command}") == ["build-1", "lab", "rack", "tail"], command
    assert set(offered(home, "oomlab help host ")) == {"setup"}


def test_fields_are_offered_with_values_that_hold(home: Path) -> None:
    outcomes = set(offered(home, "oomlab run x --set expectations.any.outcome="))
    assert {word.partition("=")[2] for word in outcomes} <= set(Outcome)
    assert "expectations.any.outcome=oom" in outcomes
    assert "device.profile=mission-phone" in offered(home, "oomlab run x --set device.profile=mi")
    assert offered(home, "oomlab run x --set trials.fork=") == ["trials.fork=true", "trials.fork=false"]
    fields = offered(home, "oomlab run x --set trials.")
    assert "trials.blocks=3" in fields
    assert len(fields) == len(set(fields))


def test_a_question_loads_no_models_and_a_meaning_is_one_line(home: Path, checkout: Path) -> None:
    done = run(
        [sys.executable, "-P", "-X", "importtime", "-m", "orchestrator"], cwd=home,
        env=settings(
            home, _OOMLAB_COMPLETE="complete_fish", _TYPER_COMPLETE_FISH_ACTION="get-args",
            _TYPER_COMPLETE_ARGS="oomlab run x --", PYTHONPATH=os.fspath(checkout),
        ),
        deadline=Deadline.after(60, "the words"), check=False,
    )  # fmt: skip
    assert b"orchestrator.scenario.models" not in done.stderr
    lines = done.stdout.decode().splitlines()
    assert "--artefacts-from" in done.stdout.decode()
    assert all(line.startswith("--") for line in lines), lines


@pytest.mark.parametrize(
    ("words", "current", "glued", "place"),
    [
        ("oomlab\nrun\n--set\na.b\n=\nc", 5, "oomlab\nrun\n--set\na.b=c", 3),
        ("oomlab\nrun\n--set\na.b\n=", 4, "oomlab\nrun\n--set\na.b=", 3),
        ("oomlab\nrun\n--set\na.b\n=\n", 5, "oomlab\nrun\n--set\na.b=", 3),
        ("oomlab\nrun\n--host\nme\n@\nbox\n:\n22", 7, "oomlab\nrun\n--host\nme@box:22", 3),
        ("oomlab\nrun\n--report\n=\nhtml\n=\nx", 6, "oomlab\nrun\n--report=html=x", 2),
        ("oomlab\nrun\nx\n--js", 3, "oomlab\nrun\nx\n--js", 3),
        ("oomlab\n", 1, "oomlab\n", 1),
        ("oomlab\nrun\nx\n\nafter", 3, "oomlab\nrun\nx\n", 3),
    ],
)
def test_words_that_bash_took_apart_are_words_again(words: str, current: int, glued: str, place: int) -> None:
    environment = {"_OOMLAB_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(current)}
    assert glue_words(environment) == glued.split("\n")[place]
    assert (environment["COMP_WORDS"], environment["COMP_CWORD"]) == (glued, str(place))


def test_the_launcher_answers_a_shell_with_nothing_rather_than_by_preparing(
    checkout: Path, tmp_path: Path
) -> None:
    asked = {"OOMLAB_VENV": os.fspath(tmp_path / "venv"), "_OOMLAB_COMPLETE": "complete_bash"}
    done = run(
        [checkout / "oomlab"],
        env={"PATH": os.environ["PATH"], **asked},
        deadline=Deadline.after(60, "the launcher"),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not (tmp_path / "venv").exists()
