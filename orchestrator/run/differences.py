# SPDX-License-Identifier: Apache-2.0
"""Whether the variants of a run differ at all, asked before anything boots."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import InputError
from orchestrator.kernels.identical import same_binaries
from orchestrator.kernels.images import GuestImages
from orchestrator.run.observer import Observer


def require_differences(
    images: Mapping[str, GuestImages], *, settings: Mapping[str, str], observer: Observer, force: bool
) -> None:
    """Say which variants run the same binary; InputError unless that is `force`d, or somebody says yes.

    `settings` are what tells them apart all the same, by name: then it is at most said.
    """
    found = same_binaries({name: each.manifest for name, each in images.items()}, settings)
    for same in found:
        if same.settings_differ:
            observer.progress(same.words)
    said = [same.words for same in found if not same.settings_differ]
    if not said:
        return
    if force:
        for words in said:
            observer.progress(words)
        return
    if not observer.ask("\n".join([*said, "Run them all the same?"])):
        raise InputError(
            "\n".join(said),
            hint="what is compared would be chance alone. `--force` runs them all the same",
        )
