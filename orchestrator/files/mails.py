# SPDX-License-Identifier: Apache-2.0
"""Saved mails that people name, alone or in directories: found, named and read whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.files.reading import read_bounded
from orchestrator.text.amounts import count_of
from orchestrator.units import MIB

MAX_MAIL_BYTES = 64 * MIB
MAX_FILES = 1000


def expanded(paths: Sequence[Path]) -> list[Path]:
    """The files given: of a directory all that lie in it, by name. InputError where one holds none."""
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        try:
            own = sorted(entry for entry in path.iterdir() if entry.is_file() and entry.name[0] != ".")
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None
        if not own:
            raise InputError(f"{path} is a directory without a file", hint="give mails, logs or patches")
        files += own
    if len(files) > MAX_FILES:
        raise InputError(f"{count_of('file', len(files))}; at most {MAX_FILES} are read together")
    return list(dict.fromkeys(files))


def names_of(files: Sequence[Path]) -> list[str]:
    """What each is called in messages: nothing where it is the only one, no name twice."""
    if len(files) == 1:
        return [""]
    short = [file.name for file in files]
    return short if len(set(short)) == len(short) else [str(file) for file in files]


def load_mail(path: Path) -> bytes:
    """The bytes of a saved mail; InputError when there is none, or it is no text."""
    data = read_bounded(path, MAX_MAIL_BYTES, hint="for consoles there is `oomlab oom`")
    if not data.strip():
        raise InputError(f"{path} is empty", hint="save the mail with its text, as `git am` would take it")
    if b"\0" in data:
        raise InputError(f"{path} is binary", hint="expected a mail or thread saved as text, mbox or HTML")
    return data
