# SPDX-License-Identifier: Apache-2.0
"""What variants were told besides their kernel, and whether it changed anything there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field

from orchestrator.frozen import Frozen
from orchestrator.record.result import SettingWritten, TrialResult
from orchestrator.scenario.device import Variant
from orchestrator.scenario.models import Scenario


class SettingSeen(Frozen):
    """One setting of a variant, and what the kernel had before its forks wrote it."""

    name: str = Field(description="`vm.swappiness`, a path below /sys, or `zram`")
    value: str = Field(description="what the scenario says")
    before: str | None = Field(
        description="what the kernel had; null: no trial came to that, it cannot be read, or trials differ"
    )
    changed: bool = Field(description="in a trial at least, what the kernel showed afterwards differed")

    @property
    def words(self) -> str:
        """The setting, and what it replaced."""
        if self.before is None:
            return f"{self.name}={self.value}"
        return f"{self.name}={self.value} ({'before' if self.changed else 'as before'}: {self.before})"


class VariantSettings(Frozen):
    """All that one variant was told besides its kernel."""

    variant: str = Field(description="its name")
    settings: tuple[SettingSeen, ...] = Field(description="what its forks did before anything else; below")
    command_line: tuple[str, ...] = Field(description="its own words of the kernel command line")

    @property
    def words(self) -> str:
        """In one line, without the name."""
        booted = f"booted with {' '.join(self.command_line)}" if self.command_line else None
        return ", ".join((*(setting.words for setting in self.settings), *filter(None, (booted,))))


def settings_seen(scenario: Scenario, trials: Sequence[TrialResult]) -> tuple[VariantSettings, ...]:
    """Of each variant that has any, in the order of the scenario; a twin's are its original's."""
    return tuple(
        VariantSettings(
            variant=name,
            settings=tuple(
                _seen([trial for trial in trials if trial.variant == name], setting.name, setting.value)
                for setting in variant.settings
            ),
            command_line=variant.command_line,
        )
        for name, variant in scenario.variants.items()
        if variant.twin_of is None and (variant.settings or variant.command_line)
    )


def without_change(found: Sequence[VariantSettings]) -> Iterator[str]:
    """A sentence for each variant all of whose settings were so before: nothing tells it apart by them."""
    for each in found:
        if each.settings and not each.command_line and all(_was_so(setting) for setting in each.settings):
            values = ", ".join(f"{setting.name} was {setting.before}" for setting in each.settings)
            yield f"the settings of {each.variant} change nothing: {values} before, too"


def settings_alone(variants: Mapping[str, Variant]) -> str | None:
    """Why nobody tested a patch here, where settings may have done what was seen; None where none did."""
    own = {name: each for name, each in variants.items() if each.twin_of is None}
    if len({_told(each) for each in own.values()}) < 2:
        return None
    if len({_kernel(each) for each in own.values()}) == 1:
        return "its variants differ in settings alone, and in no kernel"
    return next(
        (
            f"what was seen of {name} may be its settings' doing, with which no kernel without the patch ran"
            for name, each in own.items()
            if each.patches and not any(_is_without(other, each) for other in own.values())
        ),
        None,
    )


def _is_without(other: Variant, patched: Variant) -> bool:
    return _told(other) == _told(patched) and _kernel(other) != _kernel(patched)


def _told(variant: Variant) -> object:
    return variant.settings, variant.command_line


def _kernel(variant: Variant) -> object:
    return variant.image, variant.scope, variant.patches


def _was_so(setting: SettingSeen) -> bool:
    return setting.before is not None and not setting.changed


def _seen(trials: Sequence[TrialResult], name: str, value: str) -> SettingSeen:
    written: list[SettingWritten] = [each for trial in trials for each in trial.settings if each.name == name]
    befores = {each.before for each in written}
    before = _chosen(befores.pop()) if len(befores) == 1 else ""
    return SettingSeen(
        name=name,
        value=value,
        before=before or None,
        changed=any(each.before != each.after for each in written),
    )


def _chosen(text: str) -> str:
    """Of `always [madvise] never` the word that holds."""
    inner = text.partition("[")[2].partition("]")
    return inner[0] if inner[1] else text
