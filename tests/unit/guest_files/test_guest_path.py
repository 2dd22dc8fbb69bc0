# SPDX-License-Identifier: Apache-2.0
"""Where a file may lie in the guest: nowhere that is somebody's, and nowhere that is not what it says."""

from __future__ import annotations

import pytest

from orchestrator.guest_files.guest_path import android_path_problem, path_problem


@pytest.mark.parametrize(
    "path",
    ["/mytest", "/opt/a/b", "/bin/mine", "/initial", "/lib/libfoo.so.1", "/usr/lib/x", "/täst", "/a b"],
)
def test_places_that_are_free(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize(
    "path",
    ["/init", "/bin/sh", "/bin/busybox", "/modules", "/modules/common/order", "/proc/1/mem", "/sys/x",
     "/dev/null", "/tmp/x", "/tmp", "/bin", "/init/x"],
)  # fmt: skip
def test_places_that_are_taken(path: str) -> None:
    problem = path_problem(path)
    assert problem is not None
    assert path in problem


@pytest.mark.parametrize(
    "path",
    ["", "mytest", "./mytest", "/", "/a/", "//a", "/a//b", "/a/../init", "/../init", "/./init", "/a\n", "/\0",
     "/\udcff", "/" + 255 * "x"],
)  # fmt: skip
def test_what_is_no_plain_path(path: str) -> None:
    assert path_problem(path) is not None


def test_an_android_device_gives_away_what_is_below_data() -> None:
    assert android_path_problem("/data/local/tmp/mytest") is None
    for path in ("/mytest", "/database", "/system/bin/x"):
        assert "/data/local/tmp" in str(android_path_problem(path))
