# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.kernels.cpio import archive, behind


@pytest.mark.parametrize("content", [b"", b"1", b"12", b"123", b"1234", bytes(range(256)) * 40])
def test_cpio_unpacks_what_was_packed(content: bytes, tmp_path: Path) -> None:
    packed = archive({"script": content, "z": b"other"})
    run(["cpio", "-i", "--quiet"], cwd=tmp_path, input_bytes=packed, deadline=Deadline.after(10, "cpio"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"script": content, "z": b"other"}
    assert packed == archive({"z": b"other", "script": content})


@pytest.mark.parametrize("length", range(5))
def test_an_archive_behind_another_begins_where_the_kernel_looks(length: int) -> None:
    both = behind(b"x" * length, {"script": b"1"})
    assert both.endswith(archive({"script": b"1"}))
    assert len(both) % 4 == 0
    assert both.index(b"070701") % 4 == 0
