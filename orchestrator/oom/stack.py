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

# What a wrapper's name may add: where, for whom, how many. A function with another word behind the same verb
# (kmalloc_parameter, vmalloc_fault, folio_alloc_swap) is somebody who asks.
_HOW = (
    "node|nodemask|internal|current|vma|mpol|mempolicy|(?:weighted_)?interleave|preferred_many|noretry|nolock|exact|nid|bulk|array|list|frozen"
    "|slowpath|may_oom|direct_compact|direct_reclaim|high_priority|cpuset_fallback|track|caller|(?:no)?trace|large|order|cache"
    "|lru|flags|huge|no_huge|range|area|user|exec|prot|32|align|refill|begin|pfmemalloc|zeroed|movable|folio|pages?|debug\\w*|early"
)
# Functions that every request goes through, by the kinds in which the kernel's own files name them
# (mm/page_alloc.c, slub.c, slab.c, slob.c, slab_common.c, mempolicy.c, vmalloc.c, memcontrol.c, oom_kill.c,
# util.c,
# lib/dump_stack.c and each architecture's, 2.6 to 7.2). A version that adds a wrapper composes its name of
# the
# same words, so kinds are told, not names.
_ALLOCATOR = re.compile(
    rf"""
      # what prints a report
      _*(?:dump|show|walk|unwind)_(?:raw_|c_)?(?:stack|trace|backtrace|stackframe|mem|header|free_areas|tasks)
      (?:_(?:lvl|loglvl|log_lvl|print_info|set_arch_desc|node|stm|entry))*
    | stack_dump | c_backtrace
      # who is to die, and the ways there
    | _*out_of_memory | pagefault_out_of_memory | _*oom_kill_process | check_panic_on_oom | v?panic
    | moom_callback
    | bpf_oom_kill_process | bpf_prog_[0-9a-f]{{16}}\w* | bpf__\w*oom\w* | bpf_handle_oom
    | warn_alloc(?:_failed|_show_mem)? | slab_out_of_memory
      # pages: alloc_<kind>_pages_<where>, folios, free pages, fragments
    | _*alloc_(?:(?:frozen|contig|kmem|exact)_)*pages?(?:_(?:{_HOW}))*
    | alloc_contig_(?:frozen_)?range | _*rmqueue\w*
    | post_alloc_hook | prep_new_page | _*get_(?:dma_)?free_pages? | get_zeroed_page | get_page_from_freelist
    | _*folio_alloc(?:_(?:{_HOW}))* | vma_alloc(?:_(?:{_HOW}))* | (?:vma_)?alloc_zeroed_user_highpage\w*
    | _*alloc_page_frag | _*page_frag_(?:alloc|refill|cache_refill)(?:_(?:{_HOW}))* | policy_nodemask
      # objects: kmalloc and its relatives, caches, their slabs, sheaves and hooks
    | _*k[vm]?(?:m|z|c|re)alloc(?:_(?:{_HOW}))* | _*do_(?:kmalloc|cache_alloc)(?:_(?:{_HOW}))*
    | _*kmem_(?:cache_(?:z?alloc(?:_(?:{_HOW}))*|charge|\w+_sheaf)|getpages)
    | _*slab_alloc(?:_(?:{_HOW}))* | _*(?:new_slab|allocate_slab)\w*
    | _*alloc_(?:\w+_)?slab(?:_page|mgmt|_obj_exts)?
    | _*(?:\w+_)?slab_(?:pre|post)_alloc_hook | _*alloc_tagging_\w+_hook | memcg_alloc_(?:slab|page_obj)_\w+
    | alloc_(?:single_)?from_(?:new_slab|partial|pcs)\w* | _*refill_objects\w* | _+pcs_\w+
    | _*(?:re|pre)fill_(?:\w+_)?sheaf(?:_(?:{_HOW}))* | _*alloc_(?:full|empty)_sheaf
    | _*cache_(?:alloc|grow)(?:_(?:{_HOW}))* | fallback_alloc | alternate_node_alloc
    | slob_(?:\w+_)?(?:alloc|new_pages)(?:_node)?
      # areas of the kernel's address space
    | _*v(?:m|z|c|re)alloc(?:_(?:{_HOW}))* | vm_area_alloc_pages | _*alloc_vmap_area
    | _*get_vm_area(?:_(?:{_HOW}))*
      # charging a cgroup
    | _*mem_cgroup_\w+ | (?:do_)?try_charge(?!r)\w* | charge_memcg | _*obj_cgroup_charge\w*
    | _*memcg_(?!charge_kernel)\w*charge\w*
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


def _is_allocators(frame: Frame) -> bool:
    """The allocator is never a module: a module's function of such a name is a wrapper of its own."""
    return frame.module is None and is_allocator(frame.function)


def first_caller(frames: Sequence[Frame]) -> str | None:
    """Name, as printed, of the first sure frame below the allocator; None when the stack ends inside it.

    Whatever stands above `out_of_memory` led into the report (a BPF policy, for one) and is no caller.
    """
    sure = [frame for frame in frames if frame.sure]
    for index, frame in enumerate(sure[:24]):
        if not _is_allocators(frame) and index > 12:
            break
        if _OOM_ENTRY.fullmatch(_SUFFIX.sub("", frame.function)):
            sure = sure[index:]
            break
    return next((frame.function for frame in sure if not _is_allocators(frame)), None)


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
        self._others = False

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
        if not self._headed and not self._others:
            self._headed = True
            self._foreign = self._foreign or bool(self.frames)
            self.frames.clear()

    def add(self, text: str) -> Frame | None:
        """Takes a frame line; returns the frame if it was taken for ours."""
        if self._trace_open and not self._headed:
            self._foreign = True
            return None
        if self._ended or self._others or len(self.frames) >= _MAX_FRAMES:
            return None
        frame = parse_frame(text)
        if frame is not None:
            self.frames.append(frame)
        return frame

    def other(self) -> None:
        """Another task's stack begins: an Oops or a warning between a head and its own stack."""
        if self.frames:
            self._ended = True
        else:
            self._others = True

    def own(self) -> None:
        """The line that names who ran: the frames that follow are ours."""
        self._others = False

    def end_if_any(self) -> None:
        """A part that may stand before the stack or behind it."""
        self._ended = self._ended or bool(self.frames)

    def end(self) -> None:
        """The part after the stack began: frames from now on are not ours."""
        self._ended = True
