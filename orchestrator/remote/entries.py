# SPDX-License-Identifier: Apache-2.0
"""Kernels that were made here, put into the cache of the other machine, where a run looks for them.

An entry is sent once, file by file, to a place beside the cache, and renamed into it when it is whole: a run
there never sees half of one.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from orchestrator.errors import HostError
from orchestrator.kernels.base import IMAGE_FILE
from orchestrator.kernels.build.guest_agent import AGENT_FILE
from orchestrator.kernels.cache import META_FILE, Cache, CacheEntry
from orchestrator.kernels.initramfs import INITRAMFS_FILE
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.remote.connection import Machine
from orchestrator.remote.transfer import checksums_there, send_file

INCOMING = "incoming"
_FIND_CACHE = 'printf %s "${OOMLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oomlab}"'


@dataclass(frozen=True)
class Sent:
    """An entry that is needed on the other machine, and what it is, in words."""

    words: str
    entry: CacheEntry


def cache_there(machine: Machine) -> str:
    """The absolute path of the cache that oomlab has on the other machine."""
    path = machine.ask(_FIND_CACHE, "finding the cache")
    if not path.startswith("/"):
        raise HostError("OOMLAB_CACHE on the other machine is no absolute path")
    return path


def entries_of(cache: Cache, manifests: Iterable[ArtefactManifest]) -> list[Sent]:
    """What guests of these manifests are booted with; HostError when the cache lost some of it."""
    found = {each.entry.path: each for manifest in manifests for each in _entries(cache, manifest)}
    return list(found.values())


def _entries(cache: Cache, manifest: ArtefactManifest) -> Iterator[Sent]:
    for kind, words, file, sha256 in (
        ("kernel", f"the kernel of {manifest.base}", IMAGE_FILE, manifest.kernel_sha256),
        ("initramfs", f"the initramfs of {manifest.base}", INITRAMFS_FILE, manifest.initramfs_sha256),
        ("agent", f"the agent for {manifest.arch}", AGENT_FILE, manifest.agent_sha256),
    ):
        entry = cache.find_file(kind, file, sha256)
        if entry is not None:
            yield Sent(words, entry)
        elif kind != "agent":  # which is in the initramfs
            raise HostError(f"the cache lost the {kind} of {manifest.base}", hint="run it once more")


def send_entries(
    machine: Machine, cache: str, entries: Iterable[Sent], run: str, said: Callable[[str], None]
) -> None:
    """Have entries in the cache on the other machine. Can be called again after ConnectionLost.

    What is on its way bears the name of the run: two runs at once do not write to one file.
    """
    for each in entries:
        entry = each.entry
        target = f"{cache}/store/{entry.meta.kind}/{entry.key}"
        if not _is_there(machine, target, entry):
            said(f"sending {each.words}, {-(-entry.size_bytes // 1_000_000)} MB")
            _send(machine, f"{cache}/{INCOMING}/{run}", target, entry)


def _is_there(machine: Machine, target: str, entry: CacheEntry) -> bool:
    wanted = {f"{target}/{name}": fact.sha256 for name, fact in entry.meta.files.items()}
    found = checksums_there(machine, [f"{target}/{META_FILE}", *wanted])
    return f"{target}/{META_FILE}" in found and all(found.get(name) == want for name, want in wanted.items())


def _send(machine: Machine, own: str, target: str, entry: CacheEntry) -> None:
    incoming = f"{own}/{entry.meta.kind}-{entry.key}"
    folders = sorted({f"{incoming}/{name}".rpartition("/")[0] for name in entry.meta.files} | {incoming})
    machine.ask(f"mkdir -p {shlex.join([*folders, target.rpartition('/')[0]])}", "making room in the cache")
    for name in (*entry.meta.files, META_FILE):
        send_file(machine, entry.path / name, f"{incoming}/{name}")
    # What is in its place is damaged, or another oomlab was quicker: then either will do.
    old, new = shlex.quote(f"{incoming}.old"), shlex.quote(incoming)
    machine.ask(
        f"rm -rf {old}; if [ -d {new} ]; then"
        f" if [ -e {shlex.quote(target)} ]; then mv -T {shlex.quote(target)} {old}; fi;"
        f" mv -T {new} {shlex.quote(target)}; rm -rf {old}; fi",
        "putting a kernel into the cache",
    )


def forget_incoming(machine: Machine, cache: str, run: str) -> None:
    """Remove what a run that is over left on its way."""
    machine.ask(f"rm -rf {shlex.quote(f'{cache}/{INCOMING}/{run}')}", "clearing the cache")
