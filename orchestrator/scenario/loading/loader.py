# SPDX-License-Identifier: Apache-2.0
"""From a scenario file to a valid Scenario, or to all that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from orchestrator.scenario.fields import Cross
from orchestrator.scenario.loading.advice import advise
from orchestrator.scenario.loading.base_files import resolve_bases
from orchestrator.scenario.loading.document import Document, Position, read_document
from orchestrator.scenario.loading.files import (
    find_patch,
    find_scenario,
    nearest_file,
    patch_folders,
    read_scenario_text,
)
from orchestrator.scenario.loading.former_keys import use_names_of_today
from orchestrator.scenario.loading.overrides import Override, apply_overrides, named_in, repeat_variant
from orchestrator.scenario.loading.own_files import OwnProgram, bring, leave_out_expectations, resolve_files
from orchestrator.scenario.loading.patched import PATCHED, Taken, fit, keep_taken, replace_variants
from orchestrator.scenario.loading.problems import Problem, ScenarioInvalid
from orchestrator.scenario.loading.profile import fill_in, name_profile
from orchestrator.scenario.loading.trees import TreeAlone, Trees, plant
from orchestrator.scenario.loading.wording import Complaint, complaints, shown
from orchestrator.scenario.models import Scenario
from orchestrator.scenario.variants import unknown_variants

_MANY = 50
_HINT = "docs/scenarios.md explains every key; 'oomlab schema scenario' gives the JSON Schema"


@dataclass(frozen=True)
class LoadedScenario:
    """A valid scenario and where it came from.

    The files of the variants and of their bases are absolute paths. `text` is the file as it was read,
    without the overrides. `where` finds the line or the option that a key of it came from. `warnings` say
    what is allowed and probably not meant. `taken` names the variants whose expectations `--patch` took
    from the file, and from which of its variants (None: from none).
    """

    scenario: Scenario
    source: Path
    text: str
    where: Whereabouts = field(repr=False, compare=False)
    warnings: tuple[Problem, ...] = ()
    taken: Mapping[str, str | None] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    """What options changed beyond what they say."""


@dataclass(frozen=True)
class Repeat:
    """A/A: run one variant twice under two names; the first one, or the one of this name."""

    variant: str | None = None


def load_scenario(
    path: Path,
    overrides: Sequence[str] = (),
    patches: Sequence[Path] = (),
    repeat: Repeat | None = None,
    trees: Trees | TreeAlone | None = None,
    own: OwnProgram | None = None,
) -> LoadedScenario:
    """The scenario in the file `path` (or the shipped one of that bare name).

    `patches` replace the variants by `base` and `patched`, `trees` what they are built from, `repeat` then
    leaves one and its twin; each "PATH=VALUE" of `overrides` then replaces one field. Files and the command
    of `own` come before all that. Raises ScenarioInvalid with every problem found.
    """
    source = find_scenario(path)
    return load_text(read_scenario_text(source), source, overrides, patches, repeat, trees, own)


def load_text(
    text: str,
    source: Path,
    overrides: Sequence[str] = (),
    patches: Sequence[Path] = (),
    repeat: Repeat | None = None,
    trees: Trees | TreeAlone | None = None,
    own: OwnProgram | None = None,
) -> LoadedScenario:
    """As load_scenario, for `text` that stands (or might stand) in the file `source`."""
    document = read_document(text, str(source))
    if not isinstance(document.data, dict):
        if not document.problems:
            what = f"a scenario is a section with keys, not {shown(document.data)}"
            document.complain(Position(1, 1), what)
        raise ScenarioInvalid(document.problems, hint=_HINT)
    written = _write_in(document, source.parent, overrides, patches, repeat, trees, own or OwnProgram())
    where, problems = written.where, written.problems
    unknown = fill_in(document, _profile_folders(source, where))
    scenario, found = _validate(document.data)
    if unknown:  # what the profile would have given is no second mistake
        found = [finding for finding in found if finding.path[:1] != ("device",) or not finding.missing]
    problems += where.problems([*unknown, *found])
    if problems or scenario is None:
        raise ScenarioInvalid(_without_echo(problems)[:_MANY], hint=_HINT)
    warnings = _warnings(scenario, where)
    sources = {name: each.source for name, each in where.taken.items() if name in scenario.expectations}
    return LoadedScenario(scenario, source, text, where, warnings, sources, written.remarks)


@dataclass(frozen=True)
class _WrittenIn:
    """What options did to a scenario's data, and the problems that showed on the way."""

    where: Whereabouts
    problems: list[Problem]
    remarks: tuple[str, ...]


def _write_in(
    document: Document,
    folder: Path,
    overrides: Sequence[str],
    patches: Sequence[Path],
    repeat: Repeat | None,
    trees: Trees | TreeAlone | None,
    own: OwnProgram,
) -> _WrittenIn:
    """Change the data as the options say, and make the paths in it absolute."""
    data = document.data
    name_profile(document)
    use_names_of_today(document)
    strangers = _strangers(data) if patches else []
    brought, problems = bring(data, own)
    remarks = leave_out_expectations(data, own)
    taken = replace_variants(data, patches) if patches else {}
    planted = plant(data, trees, everywhere=bool(patches))
    twinless = repeat_variant(data, repeat.variant) if repeat is not None else []
    taken = keep_taken(data, taken, named_in(overrides, "expectations"))
    applied, unset = apply_overrides(data, overrides)
    use_names_of_today(document)
    fit(data, taken)
    where = Whereabouts(document, [*applied[::-1], *_origins(patches), *planted.applied, *brought], taken)
    lost = _resolve_paths(data, folder, where)
    names, lost_files = resolve_files(data, folder, lambda path: where.override(path) is not None)
    problems += [*unset, *planted.problems, *twinless, *document.problems]
    problems += where.problems([*strangers, *lost, *lost_files])
    return _WrittenIn(replace(where, names=names), problems, tuple(remarks))


def advised(loaded: LoadedScenario, elements: Mapping[str, int]) -> LoadedScenario:
    """The scenario with the warnings that it deserves, `elements` of page arrays being known."""
    return replace(loaded, warnings=_warnings(loaded.scenario, loaded.where, elements))


def _warnings(
    scenario: Scenario, where: Whereabouts, elements: Mapping[str, int] = MappingProxyType({})
) -> tuple[Problem, ...]:
    advice = advise(scenario, elements)
    return tuple(where.problems(Complaint(each.path, each.what, at_key=True) for each in advice))


def refuse(loaded: LoadedScenario, problems: Iterable[Cross]) -> None:
    """ScenarioInvalid, with their places, where there are problems that only a device's backend can know."""
    found = [Complaint(problem.path, problem.what, problem.nearest, at_key=True) for problem in problems]
    if found:
        raise ScenarioInvalid(loaded.where.problems(found), hint=_HINT)


def _origins(patches: Sequence[Path]) -> list[Override]:
    return [
        Override(("variants", PATCHED, "patches", index), f"--patch {patch}")
        for index, patch in enumerate(patches)
    ]


@dataclass(frozen=True)
class Whereabouts:
    """Which option or which place of the file is to blame for a finding."""

    document: Document
    overrides: Sequence[Override]
    taken: Mapping[str, Taken]
    names: Mapping[str, str] = field(default_factory=dict)
    """Of the files that have absolute paths by now what they were called."""

    def override(self, path: tuple[str | int, ...]) -> Override | None:
        """The override that `path` comes from: one above it, or one that made the section at `path`."""
        path = self._as_written(path)
        for override in self.overrides:
            if path[: len(override.path)] == override.path:
                return override
        for override in self.overrides:
            made = path not in self.document.values and override.path[: len(path)] == path
            if made and path:
                return override
        return None

    def problems(self, found: Iterable[Complaint]) -> list[Problem]:
        """The complaints with their positions."""
        return [self._problem(finding) for finding in found]

    def _problem(self, finding: Complaint) -> Problem:
        override = self.override(finding.path)
        if override is not None:
            return Problem(override.option, None, None, finding.what, finding.nearest)
        seek = self.document.key_place if finding.at_key else self.document.value_place
        place = seek(self._in_file(finding.path)) or Position(1, 1)
        return Problem(self.document.file, place.line, place.column, finding.what, finding.nearest)

    def _in_file(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Where the file has what `--patch` took from it, and files under the names that it gives them."""
        path = self._as_written(path)
        taken = self.taken.get(str(path[1])) if path[:1] == ("expectations",) and len(path) > 1 else None
        return path if taken is None or taken.source is None else (path[0], taken.source, *path[2:])

    def _as_written(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        of_a_file = path[:1] == ("files",) and len(path) > 1
        return (path[0], self.names.get(str(path[1]), path[1]), *path[2:]) if of_a_file else path


def _without_echo(problems: list[Problem]) -> list[Problem]:
    """Without what was reported twice, and without the validation of a place already complained about."""
    seen: set[tuple[str, int | None, int | None]] = set()
    kept: list[Problem] = []
    for problem in problems:
        place = (problem.file, problem.line, problem.column)
        if problem.line is None or place not in seen or "missing" in problem.what:
            kept.append(problem)
        seen.add(place)
    return kept


def _resolve_paths(data: dict[str, Any], folder: Path, where: Whereabouts) -> list[Complaint]:
    """Make the paths of patches and bases absolute; a finding for each that does not exist."""
    of_bases = resolve_bases(data, folder, lambda path: where.override(path) is not None)
    return [*_resolve_patches(data, folder, where), *of_bases]


def _profile_folders(source: Path, where: Whereabouts) -> list[Path]:
    """Where a profile lies that is not a shipped one; on the command line people mean where they are, too."""
    said = where.override(("device", "profile")) is not None
    here = [Path()] if said and source.parent.absolute() != Path.cwd() else []
    return [*here, source.parent]


def _resolve_patches(data: dict[str, Any], folder: Path, where: Whereabouts) -> list[Complaint]:
    """Make the patches in `data` absolute; a finding for each that does not exist."""
    found: list[Complaint] = []
    for patches, path in _patch_lists(data):
        for index, patch in enumerate(patches):
            if not isinstance(patch, str):
                continue
            folders = patch_folders(folder)
            if where.override((*path, index)) is not None:
                # On the command line people mean the directory they are in.
                folders.insert(0, Path.cwd())
            file = find_patch(Path(patch), folders)
            if file is None:
                hint = nearest_file(Path(Path(patch).name), [folders[0] / Path(patch).parent, *folders])
                found.append(Complaint((*path, index), f"no such patch file: {shown(patch)}", hint))
            else:
                patches[index] = str(file)
    return found


def _patch_lists(data: dict[str, Any]) -> Iterator[tuple[list[Any], tuple[str, ...]]]:
    variants = data.get("variants")
    for name, variant in variants.items() if isinstance(variants, dict) else ():
        patches = variant.get("patches") if isinstance(variant, dict) else None
        if isinstance(patches, list):
            yield patches, ("variants", name, "patches")


def _validate(data: dict[str, Any]) -> tuple[Scenario | None, list[Complaint]]:
    try:
        return Scenario.model_validate(data), []
    except ValidationError as error:
        found = complaints(error, data)
        more = [*_second_look(data, found), *_strangers(data)]
        return None, found + [finding for finding in more if finding not in found]


def _strangers(data: dict[str, Any]) -> list[Complaint]:
    """Expectations of variants that do not exist: a check that needs nothing else to be valid."""
    variants, expectations = data.get("variants"), data.get("expectations")
    if not isinstance(variants, dict) or not isinstance(expectations, dict):
        return []
    return [
        Complaint(("expectations", *problem.path), problem.what, problem.nearest, True, True)
        for problem in unknown_variants(expectations, variants)
    ]


def _second_look(data: dict[str, Any], found: list[Complaint]) -> list[Complaint]:
    """Problems between fields that the first problems hid.

    Pydantic checks relations only in models whose fields are all valid. So what was wrong is left
    out and the rest looked at again; relations of what was left out are not judged.
    """
    rest = deepcopy(data)
    left_out = {finding.path for finding in found if finding.path and not finding.crosses_fields}
    for path in sorted(left_out, key=len, reverse=True):
        _leave_out(rest, path)
    try:
        Scenario.model_validate(rest)
    except ValidationError as error:
        touched = {path[:-1] for path in left_out} | left_out
        return [
            finding
            for finding in complaints(error, rest)
            if finding.crosses_fields and touched.isdisjoint({finding.path, finding.path[:-1]})
        ]
    return []


def _leave_out(data: Any, path: tuple[str | int, ...]) -> None:
    for step in path[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return
    # Items of a list stay: leaving one out would shift the others' places.
    if isinstance(data, dict):
        data.pop(path[-1], None)
