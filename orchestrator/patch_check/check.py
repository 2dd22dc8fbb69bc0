# SPDX-License-Identifier: Apache-2.0
"""The story of a check: a patch is restored for the scenario's base, run beside it, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import BuildBroken
from orchestrator.host.capacity import ALL_OF_IT, Share
from orchestrator.patch_check.branch import longer_series
from orchestrator.patch_check.findings import Finding, findings_of
from orchestrator.patch_check.restored import Restored, restore
from orchestrator.run.asked import load_runnable
from orchestrator.run.engine import RunOptions, run_scenario
from orchestrator.run.observer import SilentObserver
from orchestrator.scenario.loading.loader import LoadedScenario
from orchestrator.scenario.loading.patched import BASE, PATCHED
from orchestrator.scenario.models import Scenario

_SHOWN = 3
_BUILT_IN = "/build/"
"""Where the sandbox has the source: the compiler's paths begin with it."""


@dataclass(frozen=True)
class CheckOptions:
    """What is asked for beside the scenario. `tree`: where git finds the commits before a patch."""

    command: str
    tree: Path
    scratch: Path
    """An empty directory for the patches and the run."""
    overrides: Sequence[str] = ()
    share: Share = ALL_OF_IT


def check_patch(raw: bytes, scenario: Path, options: CheckOptions) -> list[Finding]:
    """What to say of the one patch in the message `raw`; nothing where there is nothing against it.

    Raises OomlabError where no patch at all could be checked this way: the scenario is wrong, this machine
    lacks something.
    """
    plain = load_runnable(scenario, options.overrides).scenario
    base = next(iter(plain.bases.values()))
    scope = next(iter(plain.variants.values())).scope or "."
    restored = restore(raw, base, plain.device.arch, longer_series(raw, options.tree, scope))
    if restored.aside:
        return []
    if restored.why_not:
        return [Finding(f"not tested: {restored.why_not}")]
    loaded = _loaded(scenario, restored, options)
    run = RunOptions(
        command=options.command, out=options.scratch / "run", overrides=options.overrides, share=options.share
    )
    try:
        return findings_of(run_scenario(loaded, SilentObserver(), run))
    except BuildBroken as error:
        lines = [line.removeprefix(_BUILT_IN) for line in error.evidence if " error: " in line]
        return [Finding(line, is_error=True) for line in (error.message, *lines[:_SHOWN])]


def _loaded(scenario: Path, restored: Restored, options: CheckOptions) -> LoadedScenario:
    folder = options.scratch / "patches"
    folder.mkdir(parents=True)
    texts = enumerate(restored.before, 1)
    before = [_written(folder / f"{number:02}-before.patch", text) for number, text in texts]
    patch = _written(folder / "patch-under-test.patch", restored.patch)
    loaded = load_runnable(scenario, options.overrides, patches=[*before, patch])
    variants = dict(loaded.scenario.variants)
    variants[BASE] = variants[BASE].model_copy(update={"patches": variants[PATCHED].patches[: len(before)]})
    return replace(loaded, scenario=_reduced(loaded.scenario.model_copy(update={"variants": variants})))


def _reduced(scenario: Scenario) -> Scenario:
    """Outcomes alone are compared: one clock, one fork, no benchmark, no trace, nothing expected."""
    trials = scenario.trials.model_copy(
        update={"clock": scenario.trials.clock[:1], "forks": 1, "timing": False}
    )
    plain = {"trials": trials, "benchmarks": (), "audit": False, "expectations": {}}
    return scenario.model_copy(update=plain)


def _written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode(errors="surrogateescape"))
    return path
