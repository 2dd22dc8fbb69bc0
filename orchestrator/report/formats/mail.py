# SPDX-License-Identifier: Apache-2.0
"""A run as a mail that a maintainer would send: at most 60 lines, for a reply on a kernel list.

What was tested on what, what came of it, the first report as the kernel printed it, the one table of
times that answers the question. All else is the full report's, which is attached.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from orchestrator.evidence.crash_count import SPARED
from orchestrator.oom.explain import explain
from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from orchestrator.report.formats.kernel_excerpt import excerpt, first_crash, first_event, shortened
from orchestrator.report.formats.mail_full import untested
from orchestrator.report.formats.mail_layout import COLUMNS
from orchestrator.report.formats.mail_parts import Part, fitted, lines_of, plain_table, prose, verbatim
from orchestrator.report.formats.mail_tested import tested
from orchestrator.report.formats.mail_times import the_table
from orchestrator.report.formats.placeless import placeless, repeat_command
from orchestrator.report.rows import output_lines, reasons, warnings
from orchestrator.text.amounts import plural
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.summary import summarise
from orchestrator.verdict.variant import VariantVerdict
from orchestrator.verdict.verdict import Verdict

MOST_LINES = 60
"""Before the signature."""
SIGNATURE = "-- "
"""Alone in its line, with the blank at its end (RFC 3676, 4.3)."""
_LEAST = {"foremost": 4, "reasons": 2, "tested": 3, "outcome": 5, "warnings": 2, "event": 12, "times": 4}
_MOST_ITEMS = 4
_MOST_OUTPUT = 8
_MOST_COMMAND = 3
_MOST_OBSTACLE = 3
_MOST_SENTENCE = 7


def render_mail(report: JudgedRun) -> str:
    """The text, ready to be pasted. Nothing a guest said can begin a line or leave ASCII."""
    parts = list(_parts(report, short=False))
    if lines_of(parts) > MOST_LINES:
        parts = list(_parts(report, short=True))
    text = fitted(parts, MOST_LINES)
    return "\n".join([*text, SIGNATURE, f"oomlab {report.manifest.oomlab_version}", ""])


def _parts(report: JudgedRun, *, short: bool) -> Iterator[Part]:
    verdict = report.verdict
    yield Part(_foremost(verdict), _LEAST["foremost"])
    yield _whole(_verdict(verdict))
    yield Part(_items(reasons(verdict)), _LEAST["reasons"])
    yield Part(list(tested(report)), _LEAST["tested"])
    yield Part(_outcomes(verdict), _LEAST["outcome"])
    yield Part(_items(list(warnings(verdict))), _LEAST["warnings"])
    yield Part(_raw(report, short=short), _LEAST["event"])
    yield Part(the_table(verdict), _LEAST["times"])
    yield _whole(_end(report))


def _whole(lines: Sequence[str]) -> Part:
    return Part(lines, len(lines))


def _verdict(verdict: Verdict) -> list[str]:
    summary = summarise(verdict)
    return [
        *prose(f"{summary.headline[:1].upper()}{summary.headline[1:]}."),
        "",
        *_sentence(summary.sentence),
    ]


def _sentence(sentence: str) -> list[str]:
    """The sentence, up to the clause that there is room for."""
    clauses = sentence.removesuffix(".").split("; ")
    lines = prose(sentence)
    for count in range(len(clauses) - 1, 0, -1):
        if len(lines) <= _MOST_SENTENCE:
            break
        lines = prose(f"{'; '.join(clauses[:count])}; more is in the full report.")
    return [*Part(lines, 1).cut(_MOST_SENTENCE)]


def _foremost(verdict: Verdict) -> list[str]:
    """What has to be read before anything else, such as a crash; whom that spared stands in the sentence."""
    texts = (placeless(text) for text in verdict.foremost if not text.startswith(SPARED))
    return [line for text in texts for line in prose(text, "", "  ")]


def _items(found: Sequence[str]) -> list[str]:
    """The first of these sentences, and how many more there are."""
    shown = [line for text in found[:_MOST_ITEMS] for line in prose(placeless(text), "  * ", "    ")]
    more = len(found) - _MOST_ITEMS
    return [*shown, f"  * and {more} more"] if more > 0 else shown


def _outcomes(verdict: Verdict) -> list[str]:
    """A row a variant, a column for each outcome that there was; trials under all clocks together."""
    rows = {name: [each.variants[name] for each in verdict.passes] for name in verdict.variants}
    shown = [each for own in rows.values() for each in own]
    seen = [outcome for outcome in Outcome if any(each.outcomes.get(outcome) for each in shown)]
    noun = next((each.requests.noun for each in shown if _counts_requests(each)), None)
    counted = [f"{plural(noun)}: succeeded", "failed", "killed"] if noun else ["killed"]
    cells = [
        [
            name,
            str(sum(each.trials for each in own)),
            *(str(sum(each.outcomes.get(outcome, 0) for each in own)) for outcome in seen),
            *(map(str, _requests(own)) if noun else ()),
            str(sum(sum(each.killed.values()) for each in own)),
        ]
        for name, own in rows.items()
    ]
    return plain_table(["variant", "trials", *(str(outcome) for outcome in seen), *counted], cells)


def _counts_requests(variant: VariantVerdict) -> bool:
    requests = variant.requests
    return bool(requests.succeeded or requests.failed or requests.in_flight)


def _requests(own: Sequence[VariantVerdict]) -> tuple[int, int]:
    return sum(each.requests.succeeded for each in own), sum(each.requests.failed for each in own)


def _raw(report: JudgedRun, *, short: bool) -> list[str]:
    """The first report of memory as the kernel printed it; without one the first crash, or what a command
    wrote that failed."""
    if (event := first_event(report)) is not None:
        result, seen = event
        words = explain(seen, report.page_sizes[result.variant])
        return _quoted(report, "First event", result, seen.line, seen.stack_first_caller, words, short=short)
    if (crash := first_crash(report)) is not None:
        result, what = crash
        return _quoted(report, "First crash", result, what.line, what.caller, [what.message], short=short)
    return next(_failed_commands(report), [])


def _quoted(
    report: JudgedRun, what: str, result: TrialResult, line: int, caller: str | None, words: Sequence[str],
    *, short: bool,
) -> list[str]:  # fmt: skip
    """Out of the trial's console, from this line on; in words where that is gone."""
    lines = excerpt(report, result, line)
    if not lines:
        return [*_title(what, result, short=False), *(each for text in words for each in prose(text, "  "))]
    shown = shortened(lines, caller) if short else lines
    return [*_title(what, result, short=shown != lines), *map(verbatim, shown)]


def _title(what: str, result: TrialResult, *, short: bool) -> list[str]:
    return prose(f"{what} ({result.variant}, trial {result.trial}){', in short' if short else ''}:")


def _failed_commands(report: JudgedRun) -> Iterator[list[str]]:
    for name, variant in report.verdict.variants.items():
        if (failed := variant.failed_output) is not None:
            _, *lines = output_lines(failed, _MOST_OUTPUT)
            yield [*prose(f"Failed command of {name}: {failed.why}"), *map(verbatim, lines)]


def _end(report: JudgedRun) -> list[str]:
    obstacle = untested(report)
    trailer = (
        ["Tested-by: YOUR NAME <YOUR ADDRESS>"]
        if obstacle is None
        else Part(prose(f"No Tested-by is suggested: {obstacle}."), 1).cut(_MOST_OBSTACLE)
    )
    return [*_repeat(report), "Full report attached.", "", *trailer]


def _repeat(report: JudgedRun) -> list[str]:
    command = repeat_command(report.repeat_commands[0])
    lines = list(_command_lines(command)) if command is not None else []
    return lines if len(lines) <= _MOST_COMMAND else []


def _command_lines(command: str) -> Iterator[str]:
    """Broken between words alone, as a shell reads it."""
    if not command.isascii() or not command.isprintable():
        return
    line = "  $"
    for word in map(shlex.quote, shlex.split(command)):
        if len(line) + len(word) + len(" \\") >= COLUMNS and line.strip() != "$":
            yield f"{line} \\"
            line = "   "
        line += f" {word}"
    yield line
