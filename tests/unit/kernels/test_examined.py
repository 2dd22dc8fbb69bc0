# SPDX-License-Identifier: Apache-2.0
"""A kernel image looked at as it lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.examined import Examined, examine_image
from orchestrator.kernels.features import Feature
from tests.unit.kernels.given.kernel_images import C_MESSAGE, RELEASE, arm64_image, ikconfig
from tests.unit.kernels.traits.btf_writer import kernel, with_page_pointers

CONFIG = "CONFIG_IKCONFIG=y\nCONFIG_ANDROID_BINDER_IPC=y\nCONFIG_LRU_GEN=y\nCONFIG_LRU_GEN_ENABLED=y\n"


def examined(tmp_path: Path, *parts: bytes) -> Examined:
    file = tmp_path / "Image"
    file.write_bytes(arm64_image(*parts))
    return examine_image(file)


def test_an_image_says_what_it_is_itself(tmp_path: Path) -> None:
    found = examined(tmp_path, ikconfig(CONFIG), with_page_pointers(kernel()).data())
    assert (found.name, found.arch, found.release) == ("Image", "arm64", RELEASE)
    assert found.ikconfig is True
    assert (found.traits.mglru, found.traits.numa, found.traits.binder) == ("on", False, "built in")
    assert found.traits.element.size_bytes == 8
    assert found.traits.page_size_bytes == 4096
    assert found.features.has(Feature(("NUMA",))) is False


def test_without_its_configuration_only_what_is_plain_is_known(tmp_path: Path) -> None:
    found = examined(tmp_path, C_MESSAGE)
    assert found.ikconfig is False
    assert found.features.has(Feature(("NUMA",))) is None
    assert found.traits.binder == "built in"
    assert "binder" not in found.traits.unknown
    assert found.traits.unknown["numa"] == "it has no IKCONFIG"
    assert found.traits.element.source == "the image has no BTF"


def test_a_driver_that_is_a_module_is_not_looked_for_in_the_image(tmp_path: Path) -> None:
    found = examined(tmp_path, ikconfig(CONFIG.replace("IPC=y", "IPC=m")), kernel().data())
    assert found.traits.element.source == "the driver is binder_linux.ko, which is not in the image"


def test_what_is_no_kernel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prose").write_text("Dear list,\n")
    with pytest.raises(InputError, match="not a kernel image"):
        examine_image(tmp_path / "prose")
