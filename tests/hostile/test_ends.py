# SPDX-License-Identifier: Apache-2.0
"""However a command ends, its exit code is one that means it: 1 is a verdict, and nothing else is."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from orchestrator.commands import runs
from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import paste_ready, run
from orchestrator.kernels.build.tree import TreeFile, pack, tree_sha256, unpack
from orchestrator.mail.contents import read_contents
from orchestrator.mail.diff import FoundPatch
from orchestrator.run import clean
from orchestrator.run.dryrun import DryRun
from tests.hostile.test_text import acting
from tests.unit.commands.test_cli import Command
from tests.unit.report.factory import Made, run_directory

_FAULTS = (
    RecursionError("maximum recursion depth exceeded"), MemoryError(), OverflowError("int too large"),
    UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), EOFError(), KeyError("x\x1b[2J"),
    AssertionError(), NotImplementedError(), ExceptionGroup("several", [ValueError("x")]), StopIteration(),
    ConnectionResetError("somebody"), TimeoutError(), RuntimeError("\u202e" * 10_000),
)  # fmt: skip


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_directory(tmp_path_factory.mktemp("sent") / "run", Made(blocks=1)).path


@pytest.mark.parametrize("fault", _FAULTS, ids=lambda fault: type(fault).__name__)
def test_an_exception_that_nobody_foresaw_is_no_verdict(
    command: Command, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(_: object) -> None:
        raise fault

    monkeypatch.setenv("TMPDIR", str(command.directory))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(clean, "clean_up", fail)
    done = command("clean")
    said = done.stderr.decode()
    assert (done.returncode, done.stdout, acting(said)) == (ExitCode.COULD_NOT_RUN, b"", set())
    assert said.startswith("error: ")
    assert len(said) < 1000
    if not isinstance(fault, OSError):
        (file,) = command.directory.glob("oomlab-fault-*.txt")
        assert f"please report it with {file}" in said
        text = file.read_text()
        assert type(fault).__name__ in text
        assert "in fail" in text
        assert acting(text) == set()


def test_a_fault_is_told_where_no_file_can_be_written(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError("no room")

    monkeypatch.setattr("tempfile.mkstemp", fail)
    monkeypatch.setattr(runs, "write_data", lambda _: 1 / 0)
    monkeypatch.setattr("orchestrator.run.dryrun.dry_run", lambda _: DryRun(("x",)))
    done = command("run", "binder-order3", "--dry-run")
    assert done.returncode == ExitCode.COULD_NOT_RUN
    assert "ZeroDivisionError: division by zero" in done.stderr.decode()
    assert "in <lambda>" in done.stderr.decode()


@pytest.mark.parametrize(
    ("redirections", "told"),
    [
        ("2>/dev/full", True), ("2>&-", True), (">&-", False), (">&- 2>&-", False), ("<&-", True),
        ("<&- >&- 2>&-", False), ("2>/dev/full >/dev/full", None), (">/dev/full", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["report", "run"], 0), (["report", "nothing"], 2), (["--help"], 0), (["frobnicate"], 2)],
)
def test_streams_that_are_full_or_closed(
    command: Command, sent: Path, redirections: str, told: bool | None, arguments: list[str], code: int
) -> None:
    """A full stdout is told by exit code 3: what was asked for could not be given. stderr costs nothing."""
    shutil.copytree(sent, command.directory / "run")
    line = f"{shlex.join([sys.executable, '-P', '-m', 'orchestrator', *arguments])} {redirections}"
    done = run(
        ["sh", "-c", line], cwd=command.directory, env=command.environment, check=False,
        deadline=Deadline.after(60, "an end"),
    )  # fmt: skip
    expected = ExitCode.COULD_NOT_RUN if told is None and code == 0 else code
    assert done.returncode == expected, done.stderr
    assert bool(done.stdout) == (told is True and code == 0)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict"])
def test_a_stream_for_ascii_alone(command: Command, sent: Path, encoding: str) -> None:
    (command.directory / "größe \U0001f680").mkdir()
    done = run(
        command.argv("report", "größe \U0001f680"), cwd=command.directory, check=False,
        env={**command.environment, "PYTHONIOENCODING": encoding}, deadline=Deadline.after(60, "an end"),
    )  # fmt: skip
    assert (done.returncode, b"Traceback" in done.stderr) == (ExitCode.BAD_INPUT, False)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"variant":"kcalloc"', '"variant":"nobody"', "records 'nobody'"),
        ('"variants":["kcalloc"', '"variants":["nobody"', "records 'nobody'"),
        ('"clock":"realtime"', '"clock":"deterministic"', "records 'deterministic'"),
        ('"trial":1', '"trial":1e400', "no journal record"),
        ('"trial":1', f'"trial":{"9" * 5000}', "no journal record"),
        ('"notes":[]', f'"notes":{"[" * 5000}', "no journal record"),
        ('"why":"', '"why":"\\ud800', "no journal record"),
    ],
)
def test_a_journal_that_is_not_of_its_manifest(
    command: Command, sent: Path, old: str, new: str, what: str
) -> None:
    shutil.copytree(sent, command.directory / "run")
    journal = command.directory / "run" / "journal.jsonl"
    assert old in journal.read_text()
    journal.write_text(journal.read_text().replace(old, new))
    done = command("report", "run")
    assert done.returncode == ExitCode.BAD_INPUT, done.stderr
    assert what in done.stderr.decode()


def test_a_command_that_no_shell_could_read_is_shown_as_it_is(command: Command, sent: Path) -> None:
    shutil.copytree(sent, command.directory / "run")
    manifest = command.directory / "run" / "manifest.json"
    data = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**data, "command": "oomlab run 'half a word"}))
    for name in ("markdown", "mail --full", "ktap", "html"):
        done = command("report", "run", "-f", *name.split())
        assert done.returncode == ExitCode.MET, done.stderr
        assert "half a word" in done.stdout.decode()


def patches(data: bytes) -> tuple[FoundPatch, ...]:
    return tuple(read_contents(data).patches)


_LATIN = b"""\
--- a/drivers/android/binder_alloc.c
+++ b/drivers/android/binder_alloc.c
@@ -1,2 +1,2 @@
-/* binder_alloc.c
+/* binder_alloc.c M\xff\xfe J\xf6rg
  *
"""


@pytest.mark.parametrize("charset", [None, "utf-8", "iso-8859-1", "windows-1252", "us-ascii", "no-such"])
def test_bytes_of_a_patch_survive_its_mail(charset: str | None) -> None:
    head = b"From: a@b\nSubject: x\nContent-Transfer-Encoding: 8bit\n" if charset else b""
    kind = f"Content-Type: text/plain; charset={charset}\n\n".encode() if charset else b""
    (patch,) = patches(head + kind + _LATIN)
    (line,) = [line for line in patch.added if "binder_alloc" in line]
    assert line.encode(errors="surrogateescape") == b"/* binder_alloc.c M\xff\xfe J\xf6rg"


def test_a_mail_in_utf_16_is_recoded() -> None:
    text = _LATIN.decode("latin-1")
    head = b"From: a@b\nSubject: x\nContent-Type: text/plain; charset=utf-16-be\nContent-Transfer-Encoding: "
    (patch,) = patches(head + b"base64\n\n" + base64.encodebytes(text.encode("utf-16-be")))
    assert "/* binder_alloc.c M\xff\xfe J\xf6rg" in patch.added


def test_a_tree_may_have_names_that_are_no_text() -> None:
    path = b"drivers/M\xff\xfe.c".decode(errors="surrogateescape")
    tree = {path: TreeFile(b"x")}
    assert unpack(pack(tree)) == tree
    assert len(tree_sha256(tree)) == 64


@pytest.mark.parametrize("kind", ["multipart", "rfc822"])
def test_2000_nested_parts_are_read_as_plain_text(kind: str) -> None:
    mail = "From: a@b\nSubject: x\nMIME-Version: 1.0\n"
    for level in range(2000):
        if kind == "rfc822":
            mail += "Content-Type: message/rfc822\n\n"
        else:
            mail += f'Content-Type: multipart/mixed; boundary="b{level}"\n\n--b{level}\n'
    contents = read_contents(f"{mail}Content-Type: text/plain\n\n".encode() + _LATIN)
    (message,) = contents.messages
    assert "nested too deeply: read as plain text" in message.undone
    assert len(contents.patches) == 1


@pytest.mark.parametrize("number", ["0x" + "f" * 6000, "9" * 10_000, "-" + "9" * 400, "0o" + "7" * 9000])
def test_numbers_that_python_would_not_print(command: Command, number: str) -> None:
    (command.directory / "x.yaml").write_text(
        f"name: {number}\ntrials: {{blocks: {number}, seed: {number}}}\n"
    )
    done = command("validate", "x.yaml")
    assert (done.returncode, "fault of" in done.stderr.decode()) == (ExitCode.BAD_INPUT, False), done.stderr


def test_a_command_can_be_pasted_whatever_its_words_are() -> None:
    words = ["a", "b c", "it's", "\x1b[2J", b"M\xff\\'".decode(errors="surrogateescape"), "größe", "\u202e"]
    line = paste_ready(["printf", "%s\\0", *words])
    assert acting(line) == set()
    done = run(["bash", "-c", line], deadline=Deadline.after(10, "printf"))
    assert done.stdout.decode(errors="surrogateescape").split("\0")[:-1] == words
