# SPDX-License-Identifier: Apache-2.0
"""What is just possible is taken, what is just beyond is refused."""

from __future__ import annotations

import pytest

from tests.unit.scenario.conftest import GOOD, Load, Refuse

PICTURE = """
name: replayed
device: {arch: arm64, memory: 1000MiB, cma: 8MiB}
variants: {kcalloc: {base: debian-6.1}}
fragmentation:
  target:
    usable_units: {order: 3, max: 10}
    picture: {LINES}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
"""
MEMORY_KIB = 1000 * 1024
CACHE = "active_file: 1MiB, inactive_file: 2MiB, unevictable: 3MiB, shmem: 4MiB, active_anon: 4MiB"


def _picture(lines: str) -> str:
    text = PICTURE.replace("LINES", lines)
    return text.replace("    usable_units: {order: 3, max: 10}\n", "") if "free_blocks" in lines else text


@pytest.mark.parametrize(
    ("possible", "beyond"),
    [
        # The sum of the lines is less than the device's memory.
        (f"active_anon: {MEMORY_KIB - 1}KiB", f"active_anon: {MEMORY_KIB}KiB"),
        (
            f"active_anon: {MEMORY_KIB - 65}KiB, free_blocks: [16]",
            f"active_anon: {MEMORY_KIB - 64}KiB, free_blocks: [16]",
        ),
        (
            f"active_anon: {MEMORY_KIB - 33}KiB, free_blocks: [0, 4]",
            f"active_anon: {MEMORY_KIB - 32}KiB, free_blocks: [0, 4]",
        ),
        # Free CMA is part of the device's.
        ("active_anon: 4MiB, free_cma: 8MiB", "active_anon: 4MiB, free_cma: 8193KiB"),
        # vm.watermark_scale_factor goes to 3000: three tenths of memory above min.
        ("watermarks: {min: 8MiB, low: 308MiB}", "watermarks: {min: 8MiB, low: 315393KiB}"),
        # Mapped pages are in the page cache, in shared memory or locked.
        (f"mapped: 10MiB, {CACHE}", f"mapped: 10241KiB, {CACHE}"),
        ("mapped: 1MiB, active_file: 1MiB", "mapped: 1025KiB, active_file: 1MiB"),
        # Shared memory is in the anonymous lists, or locked.
        (
            "shmem: 6MiB, active_anon: 1MiB, inactive_anon: 2MiB, unevictable: 3MiB",
            "shmem: 6145KiB, active_anon: 1MiB, inactive_anon: 2MiB, unevictable: 3MiB",
        ),
        ("shmem: 1MiB, active_anon: 1MiB", "shmem: 1025KiB, active_anon: 1MiB"),
    ],
)
def test_pictures(load: Load, refuse: Refuse, possible: str, beyond: str) -> None:
    load(_picture(possible))
    assert len(refuse(_picture(beyond))) == 1


@pytest.mark.parametrize(
    ("key", "possible", "beyond"),
    [
        ("device.zram", "1MiB", "1023KiB"),
        ("device.zram", "64GiB", "67108865KiB"),
        ("device.memory", "65GiB", None),
        ("fragmentation.target.free", "{min: 262143KiB}", "{min: 256MiB}"),
        ("fragmentation.target.free", "{min: 64MiB, max: 64MiB}", "{min: 65MiB, max: 64MiB}"),
        ("fragmentation.target.usable_units", "{order: 10, max: 0}", "{order: 11, max: 0}"),
        ("fragmentation.target.usable_units", "{order: 3, min: 5, max: 5}", "{order: 3, min: 6, max: 5}"),
        (
            "fragmentation.target.usable_units",
            "[{order: 1, max: 20}, {order: 3, min: 5}]",
            "[{order: 1, max: 19}, {order: 3, min: 5}]",
        ),
    ],
)
def test_numbers(load: Load, refuse: Refuse, key: str, possible: str, beyond: str | None) -> None:
    if beyond is None:
        assert refuse(sets=[f"{key}={possible}"])
        return
    load(sets=[f"{key}={possible}"])
    assert refuse(sets=[f"{key}={beyond}"])


TWINS = GOOD.replace(
    "  kcalloc: {base: debian-6.1}\n",
    "  kcalloc: {base: debian-6.1}\n  again: {base: debian-6.1, twin_of: ORIGINAL}\n  third: THIRD\n",
)


@pytest.mark.parametrize(
    ("original", "third", "what"),
    [
        ("kcaloc", "{base: debian-6.1}", "no variant is called 'kcaloc'"),
        ("third", "{base: debian-6.1, twin_of: kcalloc}", "'third' is a twin itself"),
        ("third", "{base: debian-6.12}", "base, scope, patches and settings are not those of 'third'"),
    ],
)
def test_a_twin_is_that_of_another_variant(refuse: Refuse, original: str, third: str, what: str) -> None:
    (problem,) = refuse(TWINS.replace("ORIGINAL", original).replace("THIRD", third))
    assert what in problem.what
    assert problem.line == 5


def test_a_twin_of_the_same_kernel_is_taken(load: Load) -> None:
    text = TWINS.replace("ORIGINAL", "kcalloc").replace("THIRD", "{base: debian-6.1}")
    assert load(text).scenario.variants["again"].twin_of == "kcalloc"


@pytest.mark.parametrize(("depth", "refused"), [(24, False), (25, True)])
def test_how_deep_a_file_may_be_nested(refuse: Refuse, depth: int, *, refused: bool) -> None:
    """The document itself is the first level."""
    problems = refuse(f"x: {'[' * (depth - 1)}1{']' * (depth - 1)}\n")
    assert any("nested too deeply" in problem.what for problem in problems) is refused


def test_so_many_problems_are_told_and_no_more(refuse: Refuse) -> None:
    assert len(refuse(GOOD + "".join(f"key{number}: 1\n" for number in range(50)))) == 50
    assert len(refuse(GOOD + "".join(f"key{number}: 1\n" for number in range(60)))) <= 51
