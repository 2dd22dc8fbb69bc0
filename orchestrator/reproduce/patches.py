# SPDX-License-Identifier: Apache-2.0
"""Which patches of a text are tried, on which base, and the two variants that follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.errors import InputError
from orchestrator.mail.series import PatchGroup, listed, missing_words
from orchestrator.patch_review.applicability import GOOD, Kind
from orchestrator.patch_review.bases import Checked
from orchestrator.patch_review.building import CONFIG, Building, Way
from orchestrator.patch_review.review import Review, Reviewed, file_name, patch_files
from orchestrator.reproduce.fact import Fact, inferred, read, unknown
from orchestrator.reproduce.page_array import ArrayChange, array_change
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import ascii_line

_FORWARD = (Kind.APPLIES, Kind.ADAPTED)
_BUILD_WORDS = (
    "7 for the base from nothing, the rest for the patch; one to a header that all include takes 7 more."
    " What was built is kept"
)
_OTHER_CODE = "it changes other code than the driver's: whether the load comes by it is not known"
_SHOWN = 3
_WHITE_SPACE = "white space rebuilt"


@dataclass(frozen=True)
class Patched:
    """A base kernel, and the patch files (name and text) that each of the two variants takes.

    What the base has already is taken off it, from the last patch on: that makes the variant `base`.
    `building`: whether the driver is built, or the whole kernel.
    """

    base: str
    base_files: tuple[tuple[str, str], ...]
    patched_files: tuple[tuple[str, str], ...]
    facts: tuple[Fact, ...]
    array: ArrayChange
    """What the patched variant does to the trigger's allocation."""
    building: Building = field(default_factory=Building)

    @property
    def files(self) -> dict[str, str]:
        """All patch files by name."""
        return dict([*self.base_files, *self.patched_files])


def choose_patch(review: Review, wanted: Sequence[int], base: str | None) -> Patched | None:
    """The variants of the first change that goes on a base as a whole: a series, or a patch by itself.

    `review` is of the patches `wanted` alone, if there are such. `base` leaves one base only. None where
    none goes; InputError where a patch or a base was asked for.
    """
    for kinds in (_FORWARD, (*GOOD, Kind.ALREADY)):
        for group in _candidates(review.arranged.groups):
            for name in _bases(review, group):
                if base in (None, name) and _goes(review, group, name, kinds):
                    return _patched(review, group, name, wanted)
    if review.patches and (wanted or base is not None):
        which = f"--patch {listed(wanted)} goes not" if wanted else "no patch of the text goes"
        raise InputError(
            f"{which} on {base or 'any base kernel'}",
            evidence=list(_refusals(review)),
            hint="`oomlab mail FILE` says more",
        )
    return None


def _candidates(groups: Sequence[PatchGroup]) -> Iterator[PatchGroup]:
    """Where a series goes on no base, no other patch of the thread is tried in its place."""
    for group in groups:
        yield group
        if group.total:
            return


def refusal_facts(review: Review) -> list[Fact]:
    """What stands against every patch of the text."""
    facts = [unknown("patch", "left out", text) for text in _refusals(review)]
    return facts + [unknown("base", "not looked at", failure) for failure in review.failures]


def _refusals(review: Review) -> Iterator[str]:
    for group in review.arranged.groups:
        if words := missing_words(group):
            yield f"{words}: half a series can be a worse kernel; --patch N tries what is there"
            continue
        for item in map(review.numbered, group.numbers):
            for checked in item.checked[:_SHOWN]:
                said_against = (*checked.verdict.remarks, *checked.building.remarks)
                why = "; ".join(said_against[:_SHOWN])
                said = f"patch {item.number}, {checked.base}: {checked.verdict.kind.value}: {why}"
                yield ascii_line(said.strip(": "))


def _bases(review: Review, group: PatchGroup) -> list[str]:
    return [checked.base for checked in review.numbered(group.numbers[0]).checked]


def _parts(review: Review, group: PatchGroup, base: str) -> Iterator[tuple[Reviewed, Checked]]:
    """The patches of a group with their verdict for one base, in the order of the group."""
    for number in group.numbers:
        item = review.numbered(number)
        yield from ((item, checked) for checked in item.checked if checked.base == base)


def _goes(review: Review, group: PatchGroup, base: str, kinds: Sequence[Kind]) -> bool:
    """Every part does, but those that make no difference to a kernel; one part at least."""
    parts = list(_parts(review, group, base))
    built = [checked.verdict for _, checked in parts if not _is_aside(checked)]
    whole = not group.missing and len(parts) == len(group.numbers)
    return whole and bool(built) and all(verdict.kind in kinds and verdict.text for verdict in built)


def no_patch_words(review: Review) -> str:
    """That no patch is tried, in words; one that goes on the source may make no difference to a kernel."""
    checked = [each for item in review.patches for each in item.checked]
    if checked and all(map(_is_aside, checked)):
        return "no patch of what a kernel is built from: there is nothing to run"
    return "no patch that goes on a base kernel"


def _is_aside(checked: Checked) -> bool:
    return checked.building.way is Way.NOTHING


def _patched(review: Review, group: PatchGroup, base: str, wanted: Sequence[int]) -> Patched:
    building = _building(checked for _, checked in _parts(review, group, base))
    parts = [(item, checked) for item, checked in _parts(review, group, base) if _is_in(checked, building)]
    forward = [item.number for item, checked in parts if checked.verdict.kind in GOOD]
    back = [item.number for item, checked in parts if checked.verdict.kind is Kind.ALREADY]
    needed = [n for item, checked in parts if item.number in forward for n in checked.follows]
    order = dict.fromkeys((*(n for n in needed if n not in group.numbers), *forward))
    facts = [
        *_read_facts(review, group, list(_parts(review, group, base)), wanted, building),
        inferred("base", building.source or base, _base_why(parts)),
        *_build_facts(building),
        *(fact for _, checked in parts for fact in _adapted(checked)),
        *(unknown("patch", "a doubt", note) for item, _ in parts for note in item.notes),
        *(unknown("base", "not looked at", failure) for failure in review.failures),
    ]
    seen = next((checked.verdict.result for _, checked in reversed(parts) if checked.verdict.text), {})
    change = array_change([item.patch for item, _ in parts], seen)
    if building.way is Way.WHOLE and not change.changes:
        change = replace(change, doubt=change.doubt or _OTHER_CODE)
    base_files, patched_files = _files(review, reversed(back), base), _files(review, order, base)
    return Patched(base, base_files, patched_files, tuple(facts), change, building)


def _building(checked: Iterable[Checked]) -> Building:
    """One build for all parts: of the driver where that is all that they touch."""
    buildings = [item.building for item in checked]
    whole = [each for each in buildings if each.way is Way.WHOLE]
    built = whole or [each for each in buildings if each.way is Way.MODULE]
    options = {option for each in whole for option in each.options}
    remarks = dict.fromkeys(remark for each in built for remark in each.remarks)
    way, source = (Way.WHOLE, whole[0].source) if whole else (Way.MODULE, "")
    return Building(way, source, tuple(sorted(options)), tuple(remarks))


def _is_in(checked: Checked, building: Building) -> bool:
    """Whether a part is among the variants' patches: of a whole source all that goes on it is."""
    there = building.way is Way.WHOLE and checked.verdict.kind in (*GOOD, Kind.ALREADY)
    return there or not _is_aside(checked)


def _build_facts(building: Building) -> Iterator[Fact]:
    if building.way is not Way.WHOLE:
        yield from (inferred("patch", "in part", remark) for remark in building.remarks)
        return
    why = "the patch is to more than binder's driver, so it is compiled into a whole kernel"
    yield inferred("kernels", f"two, built from {building.source}, {CONFIG}", why)
    yield inferred("build", "some 8 minutes of CPU the first time", _BUILD_WORDS)
    if building.options:
        value = ", ".join(f"CONFIG_{option}=y" for option in building.options)
        yield inferred("options", value, f"{CONFIG} lacks them, and without them the files are not compiled")
    for remark in building.remarks:
        yield unknown("patch", "perhaps not in effect", remark)


def _files(review: Review, numbers: Iterable[int], base: str) -> tuple[tuple[str, str], ...]:
    texts = dict(patch_files(review))
    named = [
        file_name(review.numbered(number), checked)
        for number in numbers
        for checked in review.numbered(number).checked
        if checked.base == base
    ]
    return tuple((name, texts[name]) for name in named)


def _read_facts(
    review: Review,
    group: PatchGroup,
    parts: Sequence[tuple[Reviewed, Checked]],
    wanted: Sequence[int],
    building: Building,
) -> Iterator[Fact]:
    for item, checked in parts:
        subject = item.patch.subject or "without a subject"
        place = f"{item.patch.place}, patch {item.number}"
        if not _is_in(checked, building):
            why = f"nothing of it is built: {'; '.join(checked.building.remarks)}"
            yield unknown("patch", f"left out: {subject}", f"{place}: {why}")
            continue
        needs = [n for n in checked.follows if n not in group.numbers and checked.verdict.kind in GOOD]
        yield read("patch", subject, place + (f", after {listed(needs)}, which it needs" if needs else ""))
    if len(group.numbers) > 1:
        built = [item.number for item, checked in parts if _is_in(checked, building)]
        whole = "the series" if not wanted else "part of it"
        yield inferred("patches", f"{listed(built)}, in this order", f"{whole}; --patch N-M takes others")
    yield from _other_facts(review, group, wanted)


def _other_facts(review: Review, group: PatchGroup, wanted: Sequence[int]) -> Iterator[Fact]:
    if wanted:
        yield inferred("patches", listed(group.numbers), "asked for with --patch")
        return
    for older in review.arranged.older:
        why = f"{group.name} is newer; --patch {listed(older.numbers)} takes the older one"
        yield inferred("patch", f"left out: {older.name}", why)
    others = [n for other in review.arranged.groups if other is not group for n in other.numbers]
    if others:
        why = "another change; the first that goes on a base is tried, --patch N takes another"
        yield inferred("patch", f"left out: patch {listed(others)}", why)


def _adapted(checked: Checked) -> Iterator[Fact]:
    remarks = [remark.rsplit("/", 1)[-1] for remark in checked.verdict.remarks]
    if remarks and checked.verdict.text:
        shown = [remark for remark in remarks if _WHITE_SPACE not in remark]
        spaced = len(remarks) - len(shown)
        shown += [f"{_WHITE_SPACE} from the base's lines in {count_of('hunk', spaced)}"] if spaced else []
        yield inferred("patch", "adapted to the base", "; ".join(shown))


def _base_why(parts: Sequence[tuple[Reviewed, Checked]]) -> str:
    here = {checked.verdict.kind for _, checked in parts if not _is_aside(checked)}
    base = parts[0][1].base
    others: dict[str, list[str]] = {}
    for item, _ in parts:
        which = f"patch {item.number} " if len(parts) > 1 else ""
        for other in item.checked:
            if other.base != base and not _is_aside(other):
                others.setdefault(other.base, []).append(which + other.verdict.kind.value)
    elsewhere = [f"{name}: {', '.join(words)}" for name, words in others.items()]
    beside = f" ({'; '.join(elsewhere)})" if elsewhere else ""
    what = "the patch" if len(parts) == 1 else "the series"
    if here == {Kind.ALREADY}:
        return f"it has {what} already, so its reverse makes the variant 'base'{beside}"
    if Kind.ALREADY in here:
        return f"it has a part of {what} already, whose reverse makes the variant 'base'{beside}"
    words = ", ".join(sorted(kind.value for kind in here))
    return f"{what} goes on it: {words}{beside}"
