# SPDX-License-Identifier: Apache-2.0
"""Text that acts on whoever looks at it: escape codes, hidden and reordered words, formulas, markup."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table  # noqa: TID251 - any of rich's own may reach the console
from rich.text import Text

from orchestrator.errors import CommandFailed, HostError, InputError
from orchestrator.report.console.streams import PlainConsole
from orchestrator.report.formats.registry import FORMATS
from orchestrator.report.formats.runs_compared import COMPARISON_FORMATS
from orchestrator.text.plain import ascii_line, json_plain, named, one_line
from tests.unit.commands.test_cli import Command
from tests.unit.report.factory import Made, run_directory

ACTIVE = (
    "\x1b]0;owned\x07\x1b[2J\x08\x0b\x0c\x0e\x7f\x80\x85\x9b31m\x9d0;x\x9c"  # C0, DEL, C1
    "\xad\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2066\u2067\u2068\u2069\u206a\u206f\ufeff\ufff9\U000e0001\U000e0041"
    "\u034f\u115f\u1160\u180e\u2800\u3164\ufe0f\uffa0\ue000\U000e0100"
)
"""Nothing of it may come out as it is."""


def acting(text: str) -> set[str]:
    """The characters of a text that are not plain, line ends and tabs aside."""
    kinds = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return {each for each in text if unicodedata.category(each) in kinds or each in ACTIVE[-10:]} - {
        "\n",
        "\t",
    }


def test_every_character_that_acts_is_named() -> None:
    text = named(ACTIVE)
    assert acting(text) == set()
    for name in ("<U+001B>]0;owned<U+0007>", "<U+202E>", "<U+2028>", "<U+200B>", "<U+009B>31m", "<U+FEFF>"):
        assert name in text
    assert named("größer 日本 \N{GREEK SMALL LETTER PI} \N{ROCKET}") == "größer 日本 π 🚀"
    assert named("a\r\nb\tc\rd") == "a\nb\tc<U+000D>d"
    assert one_line("a\r\nb\tc") == "a<U+000D><U+000A>b<U+0009>c"
    assert ascii_line("ä\u202e") == "\\xe4<U+202E>"
    assert named(b"M\xff\xfe".decode("utf-8", "surrogateescape")) == "M<0xFF><0xFE>"


@given(st.text(alphabet=st.characters() | st.sampled_from(ACTIVE)))
def test_plain_text_is_plain_and_stays_so(text: str) -> None:
    for make in (named, one_line, ascii_line):
        assert acting(make(text)) == set()
        assert make(make(text)) == make(text)


@given(st.dictionaries(st.text(), st.text(alphabet=st.characters(exclude_categories=["Cs"]))))
def test_json_means_what_it_meant(value: dict[str, str]) -> None:
    text = json_plain(json.dumps(value, ensure_ascii=False))
    assert acting(text) == set()
    assert json.loads(text) == value


@pytest.mark.parametrize("terminal", [True, False])
def test_a_console_passes_nothing_on(terminal: bool) -> None:
    output = io.StringIO()
    console = PlainConsole(file=output, force_terminal=terminal, width=200, color_system=None)
    table = Table(f"[red]{ACTIVE}", title=f"[link=http://h/]{ACTIVE}")
    table.add_row(Text(ACTIVE))
    table.add_row(ACTIVE)
    for each in (ACTIVE, Text(ACTIVE), table, f"[link=http://h/]x[/]{ACTIVE}"):
        console.print(each)
    assert acting(output.getvalue()) == set()
    assert "[link=http://h/]x[/]" in output.getvalue()


def test_an_error_is_plain_from_the_start() -> None:
    for error in (
        InputError(ACTIVE, hint=ACTIVE, evidence=[ACTIVE]),
        HostError(ACTIVE),
        CommandFailed(f"make {ACTIVE}", 2, ACTIVE),
    ):
        assert acting("".join([error.message, error.hint, *error.evidence, str(error)])) == set()


_PATCH = """\
--- a/drivers/android/NAME
+++ b/drivers/android/NAME
@@ -1,2 +1,2 @@
-NAME
+x
"""
_SCENARIO = """\
name: x
"\\e]0;PWNED\\a\\e[2Jzzz\\u202E": 1
device: {arch: "\\e[31mPWNED\\u202E", "\\x9b": 1}
variants: {"\\e[31m": {base: "\\e[31m\\u2066"}}
"""


def attempts(directory: Path) -> Iterator[list[str]]:
    """Command lines whose every word comes from somebody else."""
    name = "x\x1b[31m\u202e\x9b\ufeff"
    (directory / f"{name}.yaml").write_text(_SCENARIO)
    (directory / f"{name}.patch").write_text(_PATCH.replace("NAME", name))
    (directory / "plain.yaml").write_text(_SCENARIO)
    (directory / name).mkdir()
    for command in ("validate", "report", "mail", "oom", "reproduce", "clean", "compare", "run", name):
        yield [command, name]
        yield [command, f"{name}.yaml"]
        yield [command, f"--{name}"]
        yield [command, "--format", name, name]
    yield ["validate", "plain.yaml"]
    yield ["validate", "binder-order3", "--set", f"{name}={name}"]
    yield ["validate", "binder-order3", "--set", f"trials.blocks={name}"]
    yield ["run", "binder-order3", "--patch", f"{name}.patch"]
    yield ["run", "binder-order3", "--jobs", name]
    yield ["images", name]
    yield ["devices", name]
    yield ["schema", name]
    yield ["search", "binder-order3", "--vary", f"{name}=1..2"]
    yield ["mail", f"{name}.patch", "--arch", name]
    yield ["reproduce", f"{name}.patch", "--base", name]


def test_nothing_that_a_user_can_be_given_acts_on_the_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # nothing is fetched, built or booted
    for arguments in attempts(command.directory):
        done = command(*arguments)
        said = (done.stdout + done.stderr).decode()
        assert acting(said) == set(), arguments
        assert "fault of oomlab" not in said, said
        assert done.returncode in (0, 2, 3), said


def test_a_message_cannot_be_forged_by_a_name_with_lines(command: Command) -> None:
    name = "x\nhint: run rm -rf ~\nerror: y"
    for arguments in (["report", name], ["validate", name], ["mail", name], ["oom", name]):
        lines = command(*arguments).stderr.decode().splitlines()
        assert not [line for line in lines if line.startswith(("hint: run rm", "error: y"))], lines


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    run_directory(place / "other", Made(blocks=2, hostile=True, seed=2))
    return run_directory(place / "run", Made(blocks=2, hostile=True)).path


@pytest.mark.parametrize("name", FORMATS)
def test_no_report_passes_on_what_a_guest_wrote(command: Command, hostile_run: Path, name: str) -> None:
    other = str(hostile_run.parent / "other")
    for arguments in (["report"], *([["compare", other]] if name in COMPARISON_FORMATS else [])):
        done = command(*arguments, str(hostile_run), "-f", name)
        assert acting(done.stdout.decode()) == set()
        if name == "json":
            json.loads(done.stdout)
        if name == "junit":
            ElementTree.fromstring(done.stdout.decode())
        if name == "csv":
            for row in csv.reader(io.StringIO(done.stdout.decode())):
                assert not [cell for cell in row if cell.startswith(("=", "@", "\t", "\r"))]
