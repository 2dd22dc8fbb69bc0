# SPDX-License-Identifier: Apache-2.0
"""A memory picture is taken as a report has it, and refused where no memory could look like that."""

from __future__ import annotations

import pytest

from orchestrator.scenario.dump import to_yaml
from orchestrator.scenario.models import Picture
from orchestrator.units import KIB
from tests.unit.scenario.conftest import Load, Refuse

TEXT = """
name: replayed
device: {arch: arm64, memory: 3614MiB}
variants: {kcalloc: {base: debian-6.1}}
fragmentation:
  target:
    picture:
      active_anon: 188384KiB
      inactive_anon: 231708KiB
      active_file: 175160KiB
      inactive_file: 177736KiB
      unevictable: 58772KiB
      slab_reclaimable: 86704KiB
      slab_unreclaimable: 327084KiB
      pagetables: 133468KiB
      kernel_stack: 84960KiB
      shadow_call_stack: 21340KiB
      mapped: 337940KiB
      shmem: 17100KiB
      free_cma: 0
      free_blocks: [3313, 165, 35, 15]
      watermarks: {min: 8MiB, low: 42616KiB, high: 46164KiB}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
"""
PICTURE = "fragmentation.target.picture"


def picture(load: Load, *sets: str) -> Picture:
    fragmentation = load(TEXT, sets).scenario.fragmentation
    assert fragmentation is not None
    assert fragmentation.target.picture is not None
    return fragmentation.target.picture


def test_a_report_is_taken_as_it_is(load: Load) -> None:
    found = picture(load)
    # Mapped and shared memory are in other lines already.
    assert found.accounted == 1485316 * KIB
    assert found.free(4096) == 15612 * KIB
    assert load(TEXT).warnings == ()


def test_it_reads_back_as_it_was_written(load: Load) -> None:
    scenario = load(TEXT).scenario
    assert load(to_yaml(scenario)).scenario == scenario


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (f"{PICTURE}={{}}", "picture", "at least one line"),
        (f"{PICTURE}.mapped=512MiB", "mapped", "come to"),
        (f"{PICTURE}.shmem=512MiB", "shmem", "more than the anonymous memory"),
        (f"{PICTURE}.free_cma=1MiB", "free_cma", "more than the device's CMA"),
        (f"{PICTURE}.watermarks.low=4MiB", "low", "'low' is below 'min'"),
        (f"{PICTURE}.watermarks.high=9MiB", "high", "'high' is below 'low'"),
        (f"{PICTURE}.watermarks={{min: 8MiB, low: 2GiB}}", "low", "are possible on this device"),
        ("device.memory=1GiB", "picture", "the device has 1048576 KiB"),
        ("device.sysctls={vm.min_free_kbytes: 4096}", "vm.min_free_kbytes", "'watermarks' set it"),
        ("fragmentation.stressors=[pipes]", "stressors", "brings its own stressors"),
        ("fragmentation.target.usable_units={order: 3, max: 1}", "usable_units", "say it already"),
        ("fragmentation.target.free={min: 1MiB}", "free", "say it already"),
        (f"{PICTURE}=null", "usable_units", "needs 'usable_units', or a 'picture'"),
    ],
)
def test_what_cannot_be_is_refused(refuse: Refuse, change: str, where: str, what: str) -> None:
    assert any(what in problem.what for problem in refuse(TEXT, [change])), where


def test_a_picture_without_a_free_list_may_have_bounds_instead(load: Load) -> None:
    sets = (f"{PICTURE}.free_blocks=null", "fragmentation.target.usable_units={order: 3, max: 100}")
    assert picture(load, *sets).free_blocks is None


@pytest.mark.parametrize("kind", ["slab", "slab_reclaimable", "page_tables", "threads"])
def test_stressors_for_single_lines_need_a_size(refuse: Refuse, kind: str) -> None:
    (problem,) = refuse(sets=[f"fragmentation.stressors=[{kind}, pipes]"])
    assert f"{kind} needs a size" in problem.what
