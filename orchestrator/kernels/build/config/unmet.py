# SPDX-License-Identifier: Apache-2.0
"""What was asked of a configuration and did not come of it: kconfig drops it without an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.kernels.build.config.expression import unsatisfied
from orchestrator.kernels.build.config.fragment import ConfigLine
from orchestrator.kernels.build.config.kconfig import Known, nearest
from orchestrator.kernels.build.config.text import OFF, PREFIX, parse_config, same_value, value_in

_MOST = 6


@dataclass(frozen=True)
class Unmet:
    """One option that is not as it was asked for. `reason`: as far as it can be told, else empty.

    `optional`: why a kernel may do without it; empty for one that must be as it was asked for.
    """

    option: str
    wanted: str
    got: str
    reason: str = ""
    optional: str = ""

    @property
    def message(self) -> str:
        """For people."""
        got = "is not set" if self.got == OFF else f"is {self.got}"
        return f"{PREFIX}{self.option}={self.wanted} was asked for and {got}" + (
            f": {self.reason}" if self.reason else ""
        )


def unmet(
    wanted: Iterable[ConfigLine], got_config_text: str, known: Mapping[str, Known] | None = None
) -> list[Unmet]:
    """Every option that the final configuration does not have as it was wanted, in their order.

    `wanted` are the lines of `merged` fragments. `known`, the options of the tree, gives the reasons.
    """
    got = parse_config(got_config_text)
    return [
        Unmet(line.option, line.value, value, _reason(line, got, known), line.optional)
        for line in wanted
        if not same_value(line.value, value := value_in(got, line.option))
    ]


def required(missing: Iterable[Unmet]) -> list[Unmet]:
    """Those that a build must not go on without."""
    return [item for item in missing if not item.optional]


def _reason(line: ConfigLine, got: Mapping[str, str], known: Mapping[str, Known] | None) -> str:
    if known is None:
        return ""
    option = known.get(line.option)
    if option is None or not option.place:
        return _unknown(line.option, known)
    if line.value == OFF:
        return _selected(option, got)
    return _lacking(option, got)


def _unknown(option: str, known: Mapping[str, Known]) -> str:
    near = nearest(option, (name for name, there in known.items() if there.place))
    return "this kernel has no such option" + (f"; did you mean {near}?" if near else "")


def _selected(option: Known, got: Mapping[str, str]) -> str:
    by = sorted(name for name in option.selected_by if value_in(got, name) != OFF)
    return f"selected by {_few(by)}" if by else _no_choice(option)


def _lacking(option: Known, got: Mapping[str, str]) -> str:
    """The dependencies that the configuration does not satisfy; where it satisfies all, only the place."""
    needs = dict.fromkeys(part for condition in option.depends for part in unsatisfied(condition, got))
    return f"it needs {_few(list(needs))} ({option.place})" if needs else _no_choice(option)


def _no_choice(option: Known) -> str:
    return f"see {option.place}" if option.has_prompt else f"it follows from others ({option.place})"


def _few(words: list[str]) -> str:
    more = len(words) - _MOST
    return ", ".join(words[:_MOST]) + (f" and {more} more" if more > 0 else "")
