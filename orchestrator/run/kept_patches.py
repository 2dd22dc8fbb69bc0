# SPDX-License-Identifier: Apache-2.0
"""The patches that a run keeps beside its manifest, so that its modules can be built again anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from orchestrator.errors import HostError
from orchestrator.kernels.build.patch import MAX_PATCH_BYTES
from orchestrator.kernels.images import GuestImages
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.record.directory import RunDirectory

_FOLDER = "patches"


def keep_patches(directory: RunDirectory, images: Iterable[GuestImages]) -> None:
    """Write every patch of these guests into the run's directory, by checksum."""
    patches = {_name(patch.sha256): patch.content for each in images for patch in each.patches}
    try:
        for name, content in patches.items():
            folder = directory.folder.make(_FOLDER, exist_ok=True)
            folder.replace(name, content)
    except OSError as error:
        raise HostError(
            f"{error.filename} cannot be written: {error.strerror}",
            hint="free space, or choose another --out",
        ) from None


def kept_patches(directory: RunDirectory, artefacts: Iterable[ArtefactManifest]) -> dict[str, bytes]:
    """The content of those patches of a run that it kept, by checksum; a file with another is none.

    Raises InputError for what is no file.
    """
    wanted = {patch.sha256 for each in artefacts for variant in each.variants for patch in variant.patches}
    return dict(_read(directory, wanted))


def _read(directory: RunDirectory, wanted: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    folder = directory.folder.folder(_FOLDER)
    there = set(folder.names())
    for sha256 in wanted:
        if _name(sha256) in there:
            content = folder.read(_name(sha256), most_bytes=MAX_PATCH_BYTES)
            if hashlib.sha256(content).hexdigest() == sha256:
                yield sha256, content


def _name(sha256: str) -> str:
    return f"{sha256}.patch"
