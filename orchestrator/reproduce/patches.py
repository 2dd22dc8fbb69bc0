# SPDX-License-Identifier: Apache-2.0
"""Which patches of a text are tried, on which base, and the two variants that follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.errors import InputError
from orchestrator.mail.series import PatchGroup, listed, missing_words
from orchestrator.patch_review.applicability import Kind
from orchestrator.patch_review.bases import Checked
from orchestrator.patch_review.review import Review, Reviewed, file_name, patch_files
from orchestrator.reproduce.fact import Fact, inferred, read, unknown
from orchestrator.reproduce.page_array import ArrayChange, array_change
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import ascii_line

_FORWARD = (Kind.APPLIES, Kind.ADAPTED)
_SHOWN = 3
_WHITE_SPACE = "white space rebuilt"


@dataclass(frozen=True)
class Patched:
    """A base kernel, and the patch files (name and text) that each of the two variants takes.

    What the base has already is taken off it, from the last patch on: that makes the variant `base`.
    """

    base: str
    base_files: tuple[tuple[str, str], ...]
    patched_files: tuple[tuple[str, str], ...]
    facts: tuple[Fact, ...]
    array: ArrayChange
    """What the patched variant does to the trigger's allocation."""

    @property
    def files(self) -> dict[str, str]:
        """All patch files by name."""
        return dict([*self.base_files, *self.patched_files])


def choose_patch(review: Review, wanted: Sequence[int], base: str | None) -> Patched | None:
    """The variants of the first change that goes on a base as a whole: a series, or a patch by itself.

    `review` is of the patches `wanted` alone, if there are such. `base` leaves one base only. None where
    none goes; InputError where a patch or a base was asked for.
    """
    for kinds in (_FORWARD, (*_FORWARD, Kind.ALREADY)):
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
                why = "; ".join(checked.verdict.remarks[:_SHOWN])
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
    """Every part does, but those that touch nothing which could be built; one part at least."""
    found = [checked.verdict for _, checked in _parts(review, group, base)]
    built = [verdict for verdict in found if verdict.kind is not Kind.ELSEWHERE]
    whole = not group.missing and len(found) == len(group.numbers)
    return whole and bool(built) and all(verdict.kind in kinds and verdict.text for verdict in built)


def _patched(review: Review, group: PatchGroup, base: str, wanted: Sequence[int]) -> Patched:
    parts = list(_parts(review, group, base))
    forward = [item.number for item, checked in parts if checked.verdict.kind in _FORWARD]
    back = [item.number for item, checked in parts if checked.verdict.kind is Kind.ALREADY]
    needed = [n for item, checked in parts if item.number in forward for n in checked.follows]
    order = dict.fromkeys((*(n for n in needed if n not in group.numbers), *forward))
    facts = [
        *_read_facts(review, group, parts, wanted),
        inferred("base", base, _base_why(parts)),
        *(fact for _, checked in parts for fact in _adapted(checked)),
        *(unknown("patch", "a doubt", note) for item, _ in parts for note in item.notes),
        *(unknown("base", "not looked at", failure) for failure in review.failures),
    ]
    tried = [item.patch for item, checked in parts if checked.verdict.kind is not Kind.ELSEWHERE]
    seen = next((checked.verdict.result for _, checked in reversed(parts) if checked.verdict.text), {})
    return Patched(
        base,
        _files(review, reversed(back), base),
        _files(review, order, base),
        tuple(facts),
        array_change(tried, seen),
    )


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
    review: Review, group: PatchGroup, parts: Sequence[tuple[Reviewed, Checked]], wanted: Sequence[int]
) -> Iterator[Fact]:
    for item, checked in parts:
        subject = item.patch.subject or "without a subject"
        place = f"{item.patch.place}, patch {item.number}"
        if checked.verdict.kind is Kind.ELSEWHERE:
            why = f"it touches nothing that is built ({'; '.join(checked.verdict.remarks)})"
            yield unknown("patch", f"left out: {subject}", f"{place}: {why}")
            continue
        needs = [n for n in checked.follows if n not in group.numbers and checked.verdict.kind in _FORWARD]
        yield read("patch", subject, place + (f", after {listed(needs)}, which it needs" if needs else ""))
    if len(group.numbers) > 1:
        built = [item.number for item, checked in parts if checked.verdict.kind is not Kind.ELSEWHERE]
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
    here = {checked.verdict.kind for _, checked in parts} - {Kind.ELSEWHERE}
    base = parts[0][1].base
    others: dict[str, list[str]] = {}
    for item, _ in parts:
        which = f"patch {item.number} " if len(parts) > 1 else ""
        for other in item.checked:
            if other.base != base and other.verdict.kind is not Kind.ELSEWHERE:
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
