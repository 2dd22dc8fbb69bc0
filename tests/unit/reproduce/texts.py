# SPDX-License-Identifier: Apache-2.0
"""Texts to reproduce, and a review of their patches that needs no kernel source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.mail.contents import Contents
from orchestrator.mail.series import narrowed
from orchestrator.patch_review.applicability import Applicability, Kind
from orchestrator.patch_review.bases import Checked
from orchestrator.patch_review.building import NO_PART, Building
from orchestrator.patch_review.review import Review, Reviewed
from tests.unit.oom.texts import CONSOLES, CORPUS, ROOT, corpus_paths

MAIL = ROOT / "tests" / "data" / "mails" / "kvcalloc-quoted.txt"
CONSOLE = CONSOLES / "6.1-arm64-binder-order3.txt"
DIFF = "--- a/drivers/android/binder_alloc.c\n+++ b/drivers/android/binder_alloc.c\n@@ -1 +1 @@\n-a\n+b\n"

__all__ = ["CONSOLE", "CORPUS", "DIFF", "MAIL", "corpus_paths", "failure", "report", "reviewer", "write"]

REPORT = """\
[ 1.0] {comm} invoked oom-killer: gfp_mask=0x40cc0(GFP_KERNEL|__GFP_COMP), order={order}, oom_score_adj={adj}
[ 1.0] CPU: 0 PID: 77 Comm: {comm} Not tainted {kernel} #1
[ 1.0] Call trace:
[ 1.0]  out_of_memory+0x1/0x2
[ 1.0]  __alloc_pages+0x1/0x2
[ 1.0]  {caller}+0x1/0x2
[ 1.0]  __arm64_sys_mmap+0x1/0x2
[ 1.0] Mem-Info:
[ 1.0] Node 0 Normal free:{free}kB min:{low}kB low:{low}kB high:{low}kB present:{size}kB managed:{size}kB
[ 1.0] Node 0 Normal: {blocks}
{end}
"""


def report(
    *,
    comm: str = "mapper",
    order: int = 3,
    adj: int = 0,
    caller: str = "binder_alloc_mmap_handler",
    kernel: str = "6.1.0",
    free: int = 16000,
    low: int = 2000,
    size: int = 1_000_000,
    blocks: str = "4000*4kB (UME) 0*8kB 0*16kB 0*32kB 0*64kB = 16000kB",
    end: str = "",
) -> str:
    """The report of an OOM kill."""
    return REPORT.format(**locals())


FAILURE = """\
[ 1.0] {comm}: page allocation failure: order:{order}, mode:{mask}, nodemask=(null),cpuset=/,mems_allowed=0
[ 1.0] CPU: 0 PID: 77 Comm: {comm} Not tainted 6.1.0 #1
[ 1.0] Call trace:
[ 1.0]  warn_alloc+0x1/0x2
[ 1.0]  __alloc_pages+0x1/0x2
[ 1.0]  a_driver+0x1/0x2
[ 1.0]  __arm64_sys_mmap+0x1/0x2
[ 1.0] Mem-Info:
[ 1.0] Node 0 Normal free:16000kB min:2000kB low:2000kB high:2000kB present:1000000kB managed:1000000kB
[ 1.0] Node 0 Normal: {blocks}
"""


def failure(
    order: int,
    mask: str,
    *,
    comm: str = "worker",
    blocks: str = "4000*4kB (UME) 0*8kB 0*16kB 0*32kB 0*64kB = 16000kB",
    first: str = "",
) -> str:
    """The report of a request that failed, with a line `first` before it."""
    return (f"[ 1.0] {first}\n" if first else "") + FAILURE.format(**locals())


def reviewer(
    *kinds: Kind,
    follows: tuple[int, ...] = (),
    elsewhere: tuple[int, ...] = (),
    refused: tuple[int, ...] = (),
) -> Callable[..., Review]:
    """Instead of `patch_review.review.review`: every patch has these verdicts for 6.1, 6.12.

    Some touch nothing that is built (`elsewhere`) or do not apply (`refused`).
    """
    others = dict.fromkeys(elsewhere, (Kind.ELSEWHERE,) * 2) | dict.fromkeys(refused, (Kind.REFUSED,) * 2)

    def review(
        contents: Contents,
        arch: str,
        progress: object,
        *,
        with_checkpatch: bool,
        wanted: Sequence[int] = (),
        offline: bool = False,
    ) -> Review:
        arranged = narrowed(contents.arranged, wanted) if wanted else contents.arranged
        assert arch in ("arm64", "x86_64")
        assert not with_checkpatch
        assert not offline
        return Review(
            tuple(
                Reviewed(number, patch, (), tuple(_checked(number, others.get(number, kinds), follows)))
                for number, patch in arranged.patches.items()
            ),
            (),
            arranged,
        )

    return review


def _checked(number: int, kinds: tuple[Kind, ...], follows: tuple[int, ...]) -> list[Checked]:
    good = (Kind.APPLIES, Kind.ADAPTED, Kind.ALREADY)
    return [
        Checked(
            base,
            Applicability(kind, ("a remark",), DIFF if kind in good else ""),
            tuple(before for before in follows if before < number),
            NO_PART if kind is Kind.ELSEWHERE else Building(),
        )
        for base, kind in zip(("debian-6.1", "debian-6.12"), kinds, strict=True)
    ]


def write(directory: Path, text: str | bytes, name: str = "text.txt") -> Path:
    """A file with that text."""
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
