# SPDX-License-Identifier: Apache-2.0
"""Where host package, images and adb of a Cuttlefish device are on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.scenario.cuttlefish import Cuttlefish

IMAGES = ("boot.img", "vendor_boot.img", "super.img", "android-info.txt")
LAUNCHERS = ("cvd_internal_start", "launch_cvd")
_ASSUMED = Path("~/cf")
"""Where dry runs take both to be that are told nothing."""


@dataclass(frozen=True)
class Places:
    """A host package's directory, the images', and the adb to call. `assumed`: nobody said so."""

    host_path: Path
    product_path: Path
    adb: str
    assumed: tuple[str, ...] = ()


def find_places(asked: Cuttlefish, variables: Mapping[str, str] = os.environ) -> Places:
    """As the scenario says, else as the environment does, else assumed. Looks at no file."""
    assumed = []
    found = {}
    for key, variable, what in (
        ("host_path", "ANDROID_HOST_OUT", "Cuttlefish's host package"),
        ("product_path", "ANDROID_PRODUCT_OUT", "the device's images"),
    ):
        said = getattr(asked, key) or variables.get(variable, "")
        found[key] = Path(said or _ASSUMED).expanduser()
        if not said:
            assumed.append(
                f"assumed: {what} in {found[key]}; neither device.cuttlefish.{key} nor {variable} says"
            )
    adb = str(Path(asked.adb).expanduser()) if asked.adb else "adb"
    return Places(found["host_path"], found["product_path"], adb, tuple(assumed))


def require_places(places: Places) -> None:
    """HostError where a launcher or an image is missing, or where nobody said where to look."""
    host, product = places.host_path, places.product_path
    if not any((host / "bin" / name).is_file() for name in LAUNCHERS):
        raise HostError(
            f"{host} is no host package of Cuttlefish: it has no bin/{' and no bin/'.join(LAUNCHERS)}",
            hint="device.cuttlefish.host_path, or ANDROID_HOST_OUT, is the directory that `cvd fetch` filled",
            evidence=places.assumed,
        )
    missing = [name for name in IMAGES if not (product / name).is_file()]
    if missing:
        raise HostError(
            f"{product} has no images of a Cuttlefish device: {', '.join(missing)} missing",
            hint="device.cuttlefish.product_path, or ANDROID_PRODUCT_OUT, is the directory that `cvd fetch`"
            " filled",
            evidence=places.assumed,
        )
