# SPDX-License-Identifier: Apache-2.0
"""From files to a profile and a replay, and those to files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from orchestrator.dumps.dump import Dump, read_dump
from orchestrator.dumps.opened import texts_of
from orchestrator.dumps.profile import make_profile
from orchestrator.dumps.replay import make_replay, profile_text
from orchestrator.dumps.section import Section, sections_of
from orchestrator.errors import InputError
from orchestrator.files.atomic import write_atomic
from orchestrator.reproduce.draft import Draft
from orchestrator.reproduce.fact import Fact
from orchestrator.reproduce.planning import scale_divisor
from orchestrator.reproduce.writing import write_draft
from orchestrator.scenario.fields import is_name
from orchestrator.scenario.loading.profile import Profile
from orchestrator.text.plain import ascii_line

_MOST_SECTIONS = 1000


@dataclass(frozen=True)
class Imported:
    """A device as its files show it, and the replay of its memory where one was asked for."""

    dump: Dump
    profile: Profile
    replay: Draft | None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What the replay rests on."""
        return self.replay.facts if self.replay is not None else ()


def import_device(files: Sequence[Path], name: str, scale: str | None, *, profile_only: bool) -> Imported:
    """Read files; InputError for what cannot be read, or is no device that a guest could be."""
    if not is_name(name):
        raise InputError(
            f"--name {ascii_line(name)!r} is no name", hint="small letters, digits, '.', '_' and '-'"
        )
    divisor = None if scale is None else scale_divisor(scale)
    dump = read_dump(_sections(files))
    try:
        profile = make_profile(dump, name)
    except ValidationError as error:
        words = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise InputError("no guest can be such a device", evidence=words[:10]) from None
    return Imported(dump, profile, None if profile_only else make_replay(dump, profile, divisor))


def _sections(files: Sequence[Path]) -> Iterator[Section]:
    found = 0
    for text in texts_of(files):
        for section in sections_of(text.lines, text.name, text.path):
            found += 1
            if found > _MOST_SECTIONS:
                raise InputError(f"{text.name}: more copies of files under /proc than of one device")
            yield section


def write(made: Imported, directory: Path, *, overwrite: bool) -> Iterator[Path]:
    """Write the profile, and its replay beside it; their paths. InputError where that cannot be."""
    profile = directory / f"{made.profile.name}.yaml"
    text = profile_text(made.profile)
    if profile.exists() and not overwrite and profile.read_bytes() != text.encode():
        raise InputError(
            f"{profile} is there already, and says something else",
            hint="--name or --out writes elsewhere, --overwrite over it",
        )
    if made.replay is not None:
        name, source = f"{made.profile.name}-replay", ", ".join(sorted(_files(made.dump)))[:500]
        replay = write_draft(made.replay, name, source, directory, overwrite=overwrite)
        yield profile
        yield replay
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_atomic(profile, text.encode())
    except OSError as error:
        raise InputError(f"cannot write to {directory}: {error.strerror or error}") from None
    yield profile


def _files(dump: Dump) -> set[str]:
    return {section.file for section in dump.sections.values()}
