# SPDX-License-Identifier: Apache-2.0
"""Memory pictures and what a guest showed for them."""

from __future__ import annotations

from orchestrator.memory.sample import MemorySample, build_sample
from orchestrator.scenario.models import Picture

PICTURE = Picture.model_validate(
    {
        "active_anon": "188384KiB",
        "active_file": "175160KiB",
        "slab_unreclaimable": "327084KiB",
        "kernel_stack": "84960KiB",
        "shadow_call_stack": "21340KiB",
        "shmem": "17100KiB",
        "free_blocks": [3313, 165, 35, 15],
        "watermarks": {"min": "8MiB", "low": "42616KiB", "high": "46164KiB"},
    }
)

MEMINFO = """\
MemTotal:        3534008 kB
MemFree:           15240 kB
Active(anon):     188532 kB
Active(file):     175104 kB
KernelStack:      106304 kB
SUnreclaim:       328560 kB
Shmem:             20520 kB
"""
BUDDYINFO = """\
Node 0, zone      DMA   3240    146     41     14      0      0
Node 0, zone   Normal      2      0      0      0      0      0
"""
ZONEINFO = """\
Node 0, zone      DMA
  pages free     3771
        min      1769
        low      9172
        high     16575
        spanned  786432
        present  786432
        managed  763000
Node 0, zone    DMA32
  pages free     0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
Node 0, zone   Normal
  pages free     2
        min      278
        low      1444
        high     2610
        spanned  138752
        present  138752
        managed  120502
"""


def guest(when: str, t_us: int, **meminfo_kb: int) -> MemorySample:
    """A look at a guest that has two zones; `meminfo_kb` changes lines of its /proc/meminfo."""
    text = MEMINFO
    for name, kb in meminfo_kb.items():
        text = "\n".join(
            f"{line.split(':')[0]}: {kb} kB" if line.startswith(f"{name}:") else line
            for line in text.splitlines()
        )
    return build_sample(when, t_us, 4096, {"meminfo": text, "buddyinfo": BUDDYINFO, "zoneinfo": ZONEINFO})
