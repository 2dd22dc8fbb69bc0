# SPDX-License-Identifier: Apache-2.0
"""Stack frames of kernels 2.6 to 6.x, and the first caller outside the allocator."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.oom.records import Frame

# "? foo+0x1/0x2 [mod]" behind any of: "[<addr>] ", "[sp] [pc] " (powerpc), "([<addr>] " (s390), "(" or
# "[<addr>] (callee) from [<addr>] (" (32-bit ARM; the callee was the frame before: only the caller counts).
# Damaged or hostile input must not grow a report without bound.
_MAX_FRAMES = 256
_ADDRESS = r"\[<?(?:0x)?[0-9a-f]{6,16}>?\]\s*"
_PLAIN = re.compile(
    rf"^\(?(?:{_ADDRESS})*(?:\(?[\w.$]+(?: \[[\w-]+\])?\)? from (?:{_ADDRESS})?)?\(?"
    r"(?P<guess>\? )?(?P<name>[.A-Za-z_$][\w.$:]*)\+0x[0-9a-f]+/(?:0x)?[0-9a-f]+\)?"
    r"(?:\s+\[(?P<module>[\w-]+))?"
)
# Decoded by scripts/decode_stacktrace.sh: "foo (mm/oom_kill.c:463 (discriminator 3)) mod"
_DECODED = re.compile(
    rf"^(?:{_ADDRESS})*(?P<guess>\? )?(?P<name>[A-Za-z_][\w.]*)"
    r" \([\w./<>+-]+\.(?:c|h|S|rs):\d+[^)]*\)+"
    r"(?:\s+\[?(?P<module>[\w-]+)\]?)?"
)
_SUFFIX = re.compile(r"(?:\.(?:constprop|isra|part|cold|clone|llvm|cfi_jt|cfi)(?:\.\d+)*)+$")

_ALLOCATOR = re.compile(
    r"""
      dump_backtrace | show_stack | _*dump_stack(?:_lvl|_print_info)? | unwind_backtrace | walk_stackframe
    | stack_dump | _*show_mem | dump_header | oom_kill_process | _*out_of_memory | pagefault_out_of_memory
    | check_panic_on_oom | panic | warn_alloc(?:_failed|_show_mem)? | moom_callback
    | bpf_oom_kill_process | bpf_prog_\w+ | bpf__\w*oom\w* | bpf_handle_oom
    | _*alloc_(?:frozen_|contig_)?pages? | __alloc_pages_\w+ | alloc_page_(?:vma|interleave)
    | alloc_(?:frozen_)?pages_(?:current|vma|mpol|node|nolock|exact|exact_nid|bulk|preferred_many)\w*
    | _*get_free_pages? | get_zeroed_page | get_page_from_freelist | _*folio_alloc\w*
    | vma_alloc_(?:zeroed_movable_)?folio\w* | alloc_zeroed_user_highpage\w*
    | _*page_frag_(?:alloc|refill|cache_refill)\w* | policy_nodemask
    | _*kmalloc\w* | _*kmem_cache_alloc\w* | _*kmem_getpages | _*slab_alloc\w* | new_slab\w* | allocate_slab
    | alloc_slab\w* | _*cache_grow\w* | cache_alloc_refill | _*cache_alloc\w* | fallback_alloc
    | _*do_(?:kmalloc|cache_alloc)\w* | _*kvmalloc\w* | _*kv?realloc\w* | kv?zalloc\w* | kv?calloc\w*
    | refill_objects | _*pcs_\w+ | \w*refill\w*sheaf\w* | alloc_(?:full|empty)_sheaf | alloc_from_pcs
    | _*vmalloc\w* | vzalloc\w* | vm_area_alloc_pages
    | _*mem_cgroup_\w+ | (?:do_)?try_charge\w* | charge_memcg | _*obj_cgroup_charge\w* | _*memcg_\w*charge\w*
    """,
    re.VERBOSE,
)
_OOM_ENTRY = re.compile(r"_*out_of_memory")


def parse_frame(text: str) -> Frame | None:
    """The frame that a line (prefixes removed) shows, or None."""
    match = _PLAIN.match(text) or _DECODED.match(text)
    if match is None:
        return None
    name = match["name"].lstrip(".") if match["name"].startswith(".") else match["name"]
    return Frame(function=name or match["name"], module=match["module"], sure=not match["guess"])


def is_allocator(function: str) -> bool:
    """Whether a function belongs to the dump, OOM, page-allocator, slab, vmalloc or memcg-charge code."""
    base = _SUFFIX.sub("", function)
    return _ALLOCATOR.fullmatch(base.removesuffix("_noprof")) is not None


def first_caller(frames: Sequence[Frame]) -> str | None:
    """Name, as printed, of the first sure frame below the allocator; None when the stack ends inside it.

    Whatever stands above `out_of_memory` led into the report (a BPF policy, for one) and is no caller.
    """
    sure = [frame for frame in frames if frame.sure]
    for index, frame in enumerate(sure[:24]):
        if not is_allocator(frame.function) and index > 12:
            break
        if _OOM_ENTRY.fullmatch(_SUFFIX.sub("", frame.function)):
            sure = sure[index:]
            break
    return next((frame.function for frame in sure if not is_allocator(frame.function)), None)


class StackCollector:
    """Gathers the frames of one report and notices when another CPU's stack is printed at the same time.

    `trace_open`: a stack that is not ours was being printed when the report began.
    """

    def __init__(self, *, trace_open: bool) -> None:
        self.frames: list[Frame] = []
        self._trace_open = trace_open
        self._headed = False
        self._ended = False
        self._foreign = False

    @property
    def mixed(self) -> bool:
        """Whether frames of another stack are, or may be, among ours."""
        return self._foreign and bool(self.frames)

    @property
    def caller(self) -> str | None:
        """The first caller outside the allocator, unless frames are mixed up."""
        return None if self.mixed else first_caller(self.frames)

    def heading(self) -> None:
        """A "Call Trace:" line: frames before our own one came from elsewhere, and more may follow."""
        if not self._headed:
            self._headed = True
            self._foreign = self._foreign or bool(self.frames)
            self.frames.clear()

    def add(self, text: str) -> Frame | None:
        """Takes a frame line; returns the frame if it was taken for ours."""
        if self._trace_open and not self._headed:
            self._foreign = True
            return None
        if self._ended or len(self.frames) >= _MAX_FRAMES:
            return None
        frame = parse_frame(text)
        if frame is not None:
            self.frames.append(frame)
        return frame

    def end(self) -> None:
        """The part after the stack began: frames from now on are not ours."""
        self._ended = True
