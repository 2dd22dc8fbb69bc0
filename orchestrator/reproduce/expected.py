# SPDX-License-Identifier: Apache-2.0
"""What each variant is expected to do, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.reproduce.fact import Fact, inferred, unknown
from orchestrator.reproduce.load import Load
from orchestrator.reproduce.page_array import ArrayChange, Call

Expectations = dict[str, Mapping[str, Any]]


def expect(load: Load, change: ArrayChange | None) -> tuple[Expectations, list[Fact]]:
    """The expectations of `base` and, with a patch, of `patched`, and what they rest on.

    What cannot be known of `patched` is left out, and so not judged.
    """
    if change is None or load.short:
        names = ["base"] if change is None else ["base", "patched"]
        outcomes: dict[str, bool | None] = dict.fromkeys(names, True)
    else:
        outcomes = {"base": _ends_in_oom(change.before), "patched": _with_patch(change)}
    expectations: Expectations = {
        name: load.killing if oom else load.served for name, oom in outcomes.items() if oom is not None
    }
    return expectations, list(_facts(load, change, outcomes))


def _ends_in_oom(call: Call | None) -> bool:
    """Where the source could not be seen, or asks with what is not known, the report is believed."""
    return call is None or call.in_one_block is not False


def _with_patch(change: ArrayChange) -> bool | None:
    if not change.changes:
        return None if change.doubt else _ends_in_oom(change.before)
    return change.after.in_one_block if change.after is not None else None


def _facts(load: Load, change: ArrayChange | None, outcomes: Mapping[str, bool | None]) -> Iterator[Fact]:
    base = outcomes["base"]
    call = change.before.name if change is not None and change.before is not None and not load.short else ""
    asks = f"the base asks with {call}" if call else ""
    why = "; ".join(filter(None, (asks, load.why if base else "it falls back to single pages")))
    yield inferred("expected", f"base: {load.words if base else 'no OOM'}", why)
    if change is None:
        return
    wanted = outcomes["patched"]
    if wanted is None:
        why = change.doubt or "it makes the page array by other means than a call known here"
        yield unknown("expected", "patched: nothing is judged", why)
        return
    yield inferred("expected", f"patched: {load.words if wanted else 'no OOM'}", _patch_why(load, change))


def _patch_why(load: Load, change: ArrayChange) -> str:
    if load.short:
        return "as without it: the trigger takes memory until there is none, whatever a patch allocates"
    if not change.changes:
        return "as without it: it does not change the allocation of the page array that the trigger asks for"
    before, after = (call.name if call else "another call" for call in (change.before, change.after))
    if before == after:
        return f"other arguments for {after}"
    return f"{after} in place of {before} for the page array"
