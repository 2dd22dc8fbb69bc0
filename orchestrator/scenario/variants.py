# SPDX-License-Identifier: Apache-2.0
"""What can be wrong between a scenario's variants: names, twins, settings. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from orchestrator.scenario.device import Device, Variant
from orchestrator.scenario.fields import Cross
from orchestrator.scenario.known_sysctls import sysctl_problems
from orchestrator.scenario.limits import limit
from orchestrator.text.amounts import count_of
from orchestrator.text.nearest import nearest


def twin_problems(variants: Mapping[str, Variant]) -> list[Cross]:
    """Controls that are no copy of another variant."""
    found: list[Cross] = []
    for name, variant in variants.items():
        if variant.twin_of is None:
            continue
        path = ("variants", name, "twin_of")
        strangers = unknown_variants([variant.twin_of], variants)
        found += [replace(problem, path=path) for problem in strangers]
        original = variants.get(variant.twin_of)
        if original is not None and original.twin_of is not None:
            found.append(Cross(path, f"'{variant.twin_of}' is a twin itself", original.twin_of))
        elif original is not None and variant.model_copy(update={"twin_of": None}) != original:
            found.append(
                Cross(path, f"base, scope, patches and settings are not those of '{variant.twin_of}'")
            )
    return found


def settings_problems(
    variants: Mapping[str, Variant], device: Device, of_picture: Collection[str]
) -> list[Cross]:
    """Settings that would not stay, and more than a guest can be told.

    `of_picture`: sysctls that a memory picture sets.
    """
    what = "the picture's 'watermarks' set it"
    found = [
        Cross(("variants", name, "sysctls", setting), what)
        for name, variant in variants.items()
        for setting in of_picture
        if setting in variant.sysctls
    ]
    what = "the device has swap from its boot ('device.zram'): leave that out, and give variants their own"
    found += [
        Cross(("variants", name, "zram"), what)
        for name, variant in variants.items()
        if variant.zram is not None and device.zram is not None
    ]
    found += sysctl_problems(("device", "sysctls"), device.sysctls)
    for name, variant in variants.items():
        found += sysctl_problems(("variants", name, "sysctls"), variant.sysctls)
    count = sum(len(each.written) for each in variants.values() if each.twin_of is None)
    most = limit("settings")
    if count > most:
        what = f"{count_of('setting', count)} of all variants together; a guest can be told {most}"
        found.append(Cross(("variants",), what))
    return found


def unknown_variants(names: Iterable[str], variants: Collection[str]) -> list[Cross]:
    """A problem for each of `names` that is no variant."""
    return [
        Cross(
            (name,),
            f"no variant is called '{name}'; there are: {', '.join(variants)}",
            nearest(name, variants),
        )
        for name in names
        if name not in variants
    ]
