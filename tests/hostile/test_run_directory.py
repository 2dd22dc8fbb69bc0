# SPDX-License-Identifier: Apache-2.0
"""A run directory that somebody sent: whatever lies in it, no file outside it is read or written."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode, InputError
from orchestrator.files.folder import Folder
from orchestrator.host.ledger import kept_ledger
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import open_journal
from tests.hostile.home import SECRET, Home
from tests.unit.commands.test_cli import Command
from tests.unit.report.factory import Made, run_directory

_FILES = (
    "manifest.json",
    "journal.jsonl",
    "ledger.jsonl",
    "verdict.json",
    "search.json",
    "blocks/0001/control.jsonl",
    "trials/0001/console.log",
    "trials/0001/control.jsonl",
)
_FOLDERS = ("blocks", "trials", "blocks/0001", "trials/0001")
_READERS = (
    ("report", "run"),
    ("report", "run", "-f", "junit"),
    ("compare", "run", "other"),
    ("run", "--resume", "run"),
    ("run", "binder-order3", "--artefacts-from", "run", "--out", "new"),
    ("clean", "run"),
    ("clean",),
)


def _link(place: Path, home: Home) -> None:
    place.symlink_to(home.path / ("file" if place.suffix else "."))


def _relative_link(place: Path, home: Home) -> None:
    target = home.path / ("file" if place.suffix else ".")
    place.symlink_to(os.path.relpath(target, place.parent))


def _dangling_link(place: Path, home: Home) -> None:
    place.symlink_to(home.path / "new" / "file")


def _loop(place: Path, home: Home) -> None:
    place.symlink_to(place.name)


def _pipe(place: Path, home: Home) -> None:
    os.mkfifo(place)


def _zeroes(place: Path, home: Home) -> None:
    place.symlink_to("/dev/zero")


def _socket(place: Path, home: Home) -> None:
    # The whole path may be too long for an address.
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(place.parent):
        made.bind(place.name)


def _directory(place: Path, home: Home) -> None:
    place.mkdir()


_Lay = Callable[[Path, Home], None]
_TRAPS: tuple[_Lay, ...] = (_link, _relative_link, _dangling_link, _loop, _pipe, _zeroes, _socket, _directory)
_LAID = [
    *(("journal.jsonl", trap) for trap in _TRAPS),
    *(("trials/0001/console.log", trap) for trap in _TRAPS),
    *((name, trap) for name in _FILES for trap in (_link, _pipe)),
    *((name, trap) for name in _FOLDERS for trap in (_link, _relative_link, _zeroes)),
]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound run as it was sent, and another one."""
    place = tmp_path_factory.mktemp("sent")
    for name in ("run", "other"):
        run = run_directory(place / name, Made(blocks=1)).path
        (run / "blocks" / "0001").mkdir(parents=True)
        for file in ("blocks/0001/control.jsonl", "trials/0001/control.jsonl", "ledger.jsonl"):
            (run / file).write_text("")
    return place


@pytest.fixture
def trapped(sent: Path, tmp_path: Path) -> Callable[[str, _Lay, Home], Path]:
    """Puts a trap into a copy of the run, in the place of one of its files."""

    def lay(name: str, trap: _Lay, home: Home) -> Path:
        shutil.copytree(sent, tmp_path, dirs_exist_ok=True)
        place = tmp_path / "run" / name
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        trap(place, home)
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs" / "run").symlink_to("../run")
        return tmp_path / "run"

    return lay


@pytest.mark.parametrize(("name", "trap"), _LAID)
def test_nothing_outside_is_read_or_written(
    command: Command, home: Home, trapped: Callable[[str, _Lay, Home], Path], name: str, trap: _Lay
) -> None:
    trapped(name, trap, home)
    drawn = [("report", "run", "-f", "html")] if "/" in name and trap in (_link, _pipe) else []
    for arguments in (*_READERS, *drawn):
        done = command(*arguments)
        said = (done.stdout + done.stderr).decode()
        assert SECRET not in said, arguments
        assert "Traceback" not in said, arguments
        assert home.untouched, arguments
        assert done.returncode in {ExitCode.MET, ExitCode.BAD_INPUT, ExitCode.COULD_NOT_RUN}, arguments
        if done.returncode == ExitCode.MET and arguments[0] == "run":
            assert name not in ("manifest.json", "journal.jsonl")


@pytest.mark.parametrize("name", ["manifest.json", "journal.jsonl"])
def test_what_it_is_is_said(
    command: Command, home: Home, trapped: Callable[[str, _Lay, Home], Path], name: str
) -> None:
    trapped(name, _link, home)
    done = command("report", "run")
    assert done.returncode == ExitCode.BAD_INPUT
    assert f"run/{name} is a symbolic link, no file" in done.stderr.decode()


@pytest.mark.parametrize(
    "directory", ["..", "../../home", "/home", "0001/../../../home", "", ".", "0001\\n", "0001\\u0000"]
)
def test_a_journal_that_points_elsewhere_is_refused(
    command: Command, home: Home, sent: Path, directory: str
) -> None:
    shutil.copytree(sent, command.directory, dirs_exist_ok=True)
    journal = command.directory / "run" / "journal.jsonl"
    text = journal.read_text()
    assert '"directory":"0001"' in text
    journal.write_text(text.replace('"directory":"0001"', f'"directory":"{directory}"'))
    for name in ("junit", "html"):
        done = command("report", "run", "-f", name)
        assert (done.returncode, done.stdout) == (ExitCode.BAD_INPUT, b"")
        assert "no journal record" in done.stderr.decode()


def test_a_journal_with_a_second_name_is_read_and_never_written(
    command: Command, sent: Path, tmp_path: Path
) -> None:
    shutil.copytree(sent, tmp_path, dirs_exist_ok=True)
    journal = tmp_path / "run" / "journal.jsonl"
    with journal.open("ab") as file:
        file.write(b"half a line")
    mine = tmp_path / "mine"
    mine.hardlink_to(journal)
    before = mine.read_bytes()
    assert command("report", "run").returncode == ExitCode.MET
    done = command("run", "--resume", "run")
    assert done.returncode == ExitCode.BAD_INPUT
    assert "has another name elsewhere" in done.stderr.decode()
    assert mine.read_bytes() == before


def test_clean_repairs_nothing(command: Command, sent: Path, tmp_path: Path) -> None:
    shutil.copytree(sent, tmp_path, dirs_exist_ok=True)
    run = tmp_path / "run"
    with (run / "journal.jsonl").open("ab") as file:
        file.write(b"half a line")
    (run / "search.json").write_text("{}")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert command("clean", "run").stdout == b"nothing to clean\n"
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    (run / "journal.jsonl").unlink()
    command("clean", "run")
    assert not (run / "journal.jsonl").exists()


@pytest.mark.parametrize("manifest", ["{}", "[]", '{"name": "an extension of a browser"}', "", "\0" * 9])
def test_a_directory_with_just_any_manifest_is_left_alone(
    command: Command, tmp_path: Path, manifest: str
) -> None:
    theirs = tmp_path / "runs" / "theirs"
    theirs.mkdir(parents=True)
    (theirs / "manifest.json").write_text(manifest)
    (theirs / ".manifest.json.999999").write_text("precious")
    (theirs / "journal.jsonl").write_text("half a line")
    done = command("clean", "runs/theirs")
    assert done.returncode == ExitCode.BAD_INPUT
    done = command("clean")
    assert (done.returncode, done.stdout.decode().partition(": ")[2][:10]) == (0, "left alone")
    assert (theirs / ".manifest.json.999999").read_text() == "precious"
    assert (theirs / "journal.jsonl").read_text() == "half a line"
    assert len(list(theirs.iterdir())) == 3


def test_only_files_that_this_program_makes_are_taken_away(
    command: Command, home: Home, sent: Path, tmp_path: Path
) -> None:
    shutil.copytree(sent, tmp_path, dirs_exist_ok=True)
    run = tmp_path / "run"
    (run / ".verdict.json.999999").symlink_to(home.path / "file")
    (run / ".precious.999999").write_text("")
    (run / ".manifest.json.999999").write_text("")
    assert command("clean", "run").stdout == b"removed run/.manifest.json.999999\n"
    assert (run / ".verdict.json.999999").is_symlink()
    assert (run / ".precious.999999").exists()
    assert home.untouched


@pytest.mark.parametrize("trap", _TRAPS)
def test_what_a_run_goes_on_to_write_stays_in_it(home: Home, tmp_path: Path, trap: _Lay) -> None:
    """`--resume` adds to the journal and the ledger, and makes further blocks and trials."""
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    for name in ("journal.jsonl", "ledger.jsonl", "verdict.json"):
        trap(run.path / name, home)
    with pytest.raises(InputError, match=r"run/journal\.jsonl is a"), open_journal(run.journal):
        pass
    with pytest.raises(InputError, match=r"run/ledger\.jsonl is a"), kept_ledger(run.ledger):
        pass
    if trap is not _directory:
        run.folder.replace("verdict.json", b"new")
        assert (run.path / "verdict.json").read_bytes() == b"new"
        for name in ("blocks", "trials"):
            trap(run.path / name, home)
            with pytest.raises(InputError, match=rf"run/{name} is a .*, no folder"):
                run.make("blocks" if name == "blocks" else "trials", 1)
        with pytest.raises(InputError, match=r"run/trials is a .*, no folder"):
            run.link_trial(1, Folder(run.path))
    assert home.untouched


def test_a_trap_under_the_name_of_a_temporary_file_is_not_followed(home: Home, tmp_path: Path) -> None:
    (tmp_path / f".verdict.json.{os.getpid()}").symlink_to(home.path / "file")
    Folder(tmp_path).replace("verdict.json", b"new")
    assert (tmp_path / "verdict.json").read_bytes() == b"new"
    assert home.untouched


def test_the_link_of_an_unforked_trial_is_read_as_a_word(home: Home, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    block = run.make("blocks", 1)
    block.create("console.log").close()
    assert run.trial(run.link_trial(1, block).name) == block
    for target in ("../blocks/../../home", "../blocks/0001/", "blocks/0001", str(home.path), "../blocks"):
        (tmp_path / "trials" / "0002").unlink(missing_ok=True)
        (tmp_path / "trials" / "0002").symlink_to(target)
        with pytest.raises(InputError, match="is a symbolic link, no folder"):
            run.trial("0002").tail("console.log", 10)
    (tmp_path / "blocks" / "0001-2").symlink_to(home.path)
    (tmp_path / "trials" / "0003").symlink_to("../blocks/0001-2")
    with pytest.raises(InputError, match="is a symbolic link, no folder"):
        run.trial("0003").tail("console.log", 10)


def test_a_file_larger_than_memory_is_not_read(command: Command, sent: Path, tmp_path: Path) -> None:
    shutil.copytree(sent, tmp_path, dirs_exist_ok=True)
    for name, limit in (("manifest.json", 64), ("journal.jsonl", 1024), ("ledger.jsonl", 64)):
        file = tmp_path / "run" / name
        before = file.read_bytes()
        os.truncate(file, 1 << 42)  # of holes
        done = command("clean" if name == "ledger.jsonl" else "report", "run")
        said = (done.stdout + done.stderr).decode()
        assert f"{name} has 4194304 MiB; at most {limit} MiB are read" in said
        file.write_bytes(before)
    os.truncate(tmp_path / "run/trials/0001/console.log", 1 << 42)
    os.truncate(tmp_path / "run/blocks/0001/control.jsonl", 1 << 42)
    for name in ("junit", "html"):
        assert command("report", "run", "-f", name).returncode == ExitCode.MET


def test_half_a_line_is_found_without_reading_all(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    for kept in (b"", b"{}\n", b"{}\n" * 99_999):
        for rest in (b"", b"x", b"x" * 64 * 1024, b"x" * 200_000):
            journal.write_bytes(kept + rest)
            with open_journal(journal):
                assert journal.read_bytes() == kept


def test_names_lead_one_step_down(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    acts: tuple[Callable[[str], object], ...] = (
        folder.folder, folder.has, folder.read, folder.create, folder.make, folder.remove,
    )  # fmt: skip
    for act in acts:
        for name in ("", ".", "..", "a/b", "/etc/passwd", "a\0b"):
            with pytest.raises(InputError, match="no name of a file"):
                act(name)
