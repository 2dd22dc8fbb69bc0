# SPDX-License-Identifier: Apache-2.0
"""What was run, in words: for the reports that somebody else has to understand and repeat."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.report.formats.cases import suites_of
from orchestrator.scenario.device import Variant
from orchestrator.text.amounts import count_of
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import can_trace


def what_was_run(report: JudgedRun) -> str:
    """One paragraph: program, scenario, device, what ran the guests."""
    manifest = report.manifest
    device = manifest.scenario.device
    ran_by = "; ".join(
        f"{by.programs_words} ({by.machine_words}), {clock} clock"
        for clock, by in manifest.accelerators.items()
    )
    return f"oomlab {manifest.oomlab_version}, scenario {report.verdict.scenario}: {device.words}; {ran_by}."


def trigger_words(report: JudgedRun) -> str:
    """What the guests were asked to do."""
    return report.manifest.scenario.trigger.words


def variant_lines(report: JudgedRun) -> Iterator[tuple[str, str]]:
    """Every variant's name, and what it is."""
    manifest = report.manifest
    bases = manifest.scenario.bases
    for name, variant in manifest.scenario.variants.items():
        artefacts, base = manifest.artefacts_of(name), bases[name].name
        kernel = f"{base} ({artefacts.release})" if artefacts is not None else base
        if variant.twin_of is not None:
            yield name, f"{variant.twin_of} once more, as a control"
        elif variant.patches:
            patches = ", ".join(patch.name for patch in variant.patches)
            yield name, f"{kernel} with {patches}{_told(variant)}"
        else:
            yield name, f"{kernel}, not patched{_told(variant)}"


def _told(variant: Variant) -> str:
    return f"; told {variant.settings_words}" if variant.settings_words else ""


def amount(report: JudgedRun) -> str:
    """How much was run."""
    cases = [case for suite in suites_of(report) if suite.variant is not None for case in suite.cases]
    done = sum(case.result is not None and case.error is None for case in cases)
    audits = [case.result for case in cases if case.result and case.result.stage.startswith("audit-")]
    traced = "traced" if all(map(can_trace, audits)) else "to be traced, which the device did not allow"
    not_judged = f" ({len(audits)} of them {traced}, whose outcomes are not judged)" if audits else ""
    return f"{done} of {count_of('trial', len(cases))} gave evidence{not_judged}"
