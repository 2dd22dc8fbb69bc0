# SPDX-License-Identifier: Apache-2.0
"""What a lock file holds: everything the guests of a scenario are made from, by version and checksum.

Artefacts are what one host made; a lock names what any host can make its own from. Compilers differ
between hosts, so that a lock says which one it was made with and asks for none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from orchestrator.errors import HostError
from orchestrator.frozen import Frozen
from orchestrator.guest_files.record import GuestFile
from orchestrator.kernels.build.guest_agent import agent_inputs
from orchestrator.kernels.build.module import build_inputs
from orchestrator.kernels.manifest import (
    ArtefactManifest,
    BuiltKernel,
    GivenKernel,
    Package,
    PatchFile,
    Sha256,
)
from orchestrator.text.amounts import count_of

Key = tuple[str | int, ...]


class LockedBase(Frozen):
    """A kernel by its packages, or by what it was built from, and checksums of what comes of that."""

    release: str
    kernel_sha256: Sha256 = Field(description="of what QEMU boots")
    busybox_sha256: Sha256
    packages: tuple[Package, ...]
    built: BuiltKernel | None = None
    given: GivenKernel | None = None


class LockedVariant(Frozen):
    """What a variant's module is made from, beside its base."""

    base: str
    scope: str | None = None
    patches: tuple[PatchFile, ...] = ()


class Lock(Frozen):
    """A lock file. `agent_inputs` and `build_inputs` stand for what this program brings itself."""

    lock: Literal[1] = Field(1, description="version of the format")
    oomlab: str = Field(description="the version that made it")
    compiler: str = Field(description="the compiler that was used; another is said, not refused")
    arch: str
    agent_inputs: Sha256 = Field(description="sources and flags of the guest agent")
    build_inputs: Sha256 = Field(description="how modules are built")
    variants: dict[str, LockedVariant]
    bases: dict[str, LockedBase]
    files: tuple[GuestFile, ...] = Field((), description="of the user's, with the libraries that they need")


@dataclass(frozen=True)
class Contradiction:
    """Something that a lock and a scenario say differently; `key` is the lock's place."""

    key: Key
    what: str


def lock_of(manifests: Iterable[ArtefactManifest], version: str) -> Lock:
    """The lock for artefacts that were just made; `version` is the program's."""
    made = list(manifests)
    return Lock(
        oomlab=version,
        compiler=made[0].agent_compiler,
        arch=made[0].arch,
        agent_inputs=_checksum(agent_inputs()),
        build_inputs=_checksum(build_inputs()),
        variants={
            variant.name: LockedVariant(base=each.base, scope=variant.scope, patches=variant.patches)
            for each in made
            for variant in each.variants
        },
        bases={
            each.base: LockedBase(
                release=each.release,
                kernel_sha256=each.kernel_sha256,
                busybox_sha256=each.busybox_sha256,
                packages=each.packages,
                built=each.built,
                given=each.given,
            )
            for each in made
        },
        files=made[0].files,
    )


def contradictions(
    lock: Lock, arch: str, wanted: Mapping[str, LockedVariant], files: Sequence[GuestFile] = ()
) -> Iterator[Contradiction]:
    """Where the lock is not of this scenario: its architecture, its variants (`wanted`), its files. Pure."""
    if lock.arch != arch:
        yield Contradiction(("arch",), f"made for {lock.arch}, the scenario's device is {arch}")
    for name, variant in wanted.items():
        locked = lock.variants.get(name)
        if locked is None:
            there = ", ".join(lock.variants) or "none"
            yield Contradiction(
                ("variants",), f"the scenario's variant '{name}' is not in it; it has {there}"
            )
        else:
            yield from _differences(name, locked, variant)
    for name in lock.variants:
        if name not in wanted:
            yield Contradiction(("variants", name), f"the scenario has no variant '{name}'")
    for name in dict.fromkeys(variant.base for variant in wanted.values()):
        if name not in lock.bases:
            yield Contradiction(("bases",), f"it has no {name}, which the scenario uses")
    yield from _other_files(lock, files)


def _other_files(lock: Lock, files: Sequence[GuestFile]) -> Iterator[Contradiction]:
    now = {each.guest: each for each in files}
    for index, before in enumerate(lock.files):
        found = now.pop(before.guest, None)
        if found is None:
            yield Contradiction(("files", index), f"{before.guest} of the guests is not in them any more")
        elif found.sha256 != before.sha256:
            whose = "" if found.is_named else ", a library of this host"
            yield Contradiction(
                ("files", index, "sha256"), f"{before.guest}: {found.name}{whose} has another content"
            )
    for guest, each in now.items():
        yield Contradiction(("files",), f"{guest} of the guests ({each.name}) is not in it")


def _differences(name: str, locked: LockedVariant, wanted: LockedVariant) -> Iterator[Contradiction]:
    key = ("variants", name)
    if locked.base != wanted.base:
        yield Contradiction(
            (*key, "base"), f"variant '{name}' has the base {locked.base}, in the scenario {wanted.base}"
        )
    if locked.scope != wanted.scope:
        scopes = f"{locked.scope or 'none'}, in the scenario {wanted.scope or 'none'}"
        yield Contradiction((*key, "scope"), f"variant '{name}' has the scope {scopes}")
    if [patch.sha256 for patch in locked.patches] != [patch.sha256 for patch in wanted.patches]:
        yield Contradiction(
            (*key, "patches"), f"variant '{name}': {_patches(locked.patches, wanted.patches)}"
        )


def _patches(locked: Sequence[PatchFile], wanted: Sequence[PatchFile]) -> str:
    for before, now in zip(locked, wanted, strict=False):
        if before.sha256 != now.sha256 and before.name == now.name:
            return f"the content of {now.name} is another"
        if before.sha256 != now.sha256:
            return f"the patch {before.name} is {now.name} in the scenario"
    return f"{count_of('patch', len(locked))} in the lock, {len(wanted)} in the scenario"


def require_same_program(lock: Lock, version: str) -> None:
    """HostError when this program brings another guest agent, or builds otherwise, than the lock's did."""
    differences = [
        what
        for what, before, now in (
            ("the sources of the guest agent", lock.agent_inputs, agent_inputs()),
            ("the way in which modules are built", lock.build_inputs, build_inputs()),
        )
        if before != _checksum(now)
    ]
    if differences:
        raise HostError(
            f"the lock was made by oomlab {lock.oomlab}, and this oomlab {version} differs from it in "
            + " and ".join(differences),
            hint="use that version, or remove the lock to have it written anew",
        )


def require_locked_files(base: str, lock: LockedBase, made: ArtefactManifest) -> None:
    """HostError when what comes of what is locked is not what the lock says."""
    pairs = (
        ("kernel", lock.kernel_sha256, made.kernel_sha256),
        ("busybox", lock.busybox_sha256, made.busybox_sha256),
    )
    wrong = [f"{what}: SHA-256 {now}, locked {before}" for what, before, now in pairs if before != now]
    if wrong:
        raise HostError(
            f"kernel and busybox of {base} are not those of the lock",
            hint="was the lock edited, or made by another version of oomlab, or built by another compiler?",
            evidence=wrong,
        )


def _checksum(inputs: object) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
