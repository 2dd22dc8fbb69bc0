# SPDX-License-Identifier: Apache-2.0
"""Which functions are the allocator's own: by version, and names that only look so."""

from __future__ import annotations

import pytest

from orchestrator.oom.records import Frame
from orchestrator.oom.stack import first_caller, is_allocator

OF_THE_ALLOCATOR = {
    "2.6": "alloc_pages_node alloc_page_vma alloc_pages_current alloc_page_interleave __alloc_pages_internal"
    " __alloc_pages_nodemask __get_free_pages get_zeroed_page cache_alloc_refill cache_grow"
    " kmem_getpages fallback_alloc alternate_node_alloc ____cache_alloc ____cache_alloc_node"
    " __cache_alloc cache_alloc_debugcheck_after kmem_cache_alloc_notrace"
    " kmem_cache_alloc_node_notrace kmem_cache_zalloc __do_kmalloc __kmalloc_track_caller"
    " __kmalloc_node_track_caller kmalloc_large_node kmalloc_order __slab_alloc new_slab allocate_slab"
    " alloc_slab_page slab_out_of_memory slob_alloc slob_new_pages slob_page_alloc __vmalloc_area_node"
    " vmalloc_32_user vmalloc_exec __get_vm_area_node get_vm_area_caller alloc_vmap_area"
    " mem_cgroup_charge_common __mem_cgroup_try_charge mem_cgroup_newpage_charge out_of_memory"
    " show_mem dump_stack show_stack show_trace show_trace_log_lvl dump_trace unwind_backtrace"
    " dump_backtrace dump_backtrace_entry",
    "3.x": "warn_alloc_failed alloc_pages_exact alloc_pages_exact_nid alloc_pages_vma kmalloc_order_trace"
    " kmem_cache_alloc_trace kmem_cache_alloc_node_trace __memcg_kmem_newpage_charge"
    " __memcg_kmem_charge memcg_charge_slab alloc_kmem_pages alloc_kmem_pages_node"
    " mem_cgroup_cache_charge try_charge __alloc_page_frag __alloc_pages_slowpath"
    " __alloc_pages_direct_compact __alloc_pages_direct_reclaim __alloc_pages_high_priority"
    " __alloc_pages_may_oom",
    "4.x": "alloc_slabmgmt cache_grow_begin cache_alloc_pfmemalloc page_frag_alloc __page_frag_cache_refill"
    " __alloc_pages_cpuset_fallback kvmalloc_node __vmalloc_node_flags_caller memcg_kmem_charge"
    " alloc_pages_nodemask mem_cgroup_try_charge_delay oom_kill_process check_panic_on_oom dump_header"
    " warn_alloc slab_pre_alloc_hook",
    "5.x": "__alloc_pages __alloc_pages_bulk alloc_pages_bulk_array_mempolicy obj_cgroup_charge_pages"
    " memcg_alloc_page_obj_cgroups memcg_slab_post_alloc_hook charge_memcg try_charge_memcg"
    " dump_stack_lvl page_frag_alloc_align __alloc_pages_slowpath.constprop.0 kmem_cache_alloc_bulk"
    " __vmalloc_node_range",
    "6.x": "__kmem_cache_alloc_node __kmem_cache_alloc_lru __memcg_slab_post_alloc_hook vm_area_alloc_pages"
    " alloc_pages_bulk_array_preferred_many folio_alloc vma_alloc_folio vma_alloc_zeroed_movable_folio"
    " __folio_alloc_noprof folio_alloc_mpol_noprof alloc_pages_mpol_noprof"
    " alloc_frozen_pages_nolock_noprof __alloc_frozen_pages_noprof ___kmalloc_large_node"
    " __kmalloc_cache_node_noprof __kvmalloc_node_noprof vmalloc_huge_noprof"
    " __vmalloc_node_range_noprof alloc_slab_obj_exts __alloc_tagging_slab_alloc_hook"
    " alloc_contig_pages_noprof alloc_contig_range_noprof alloc_pages_bulk_noprof warn_alloc_show_mem"
    " kmem_cache_charge memcg_alloc_slab_cgroups krealloc_node_align_noprof",
    "6.18 and later": "alloc_from_pcs refill_objects __refill_objects_node alloc_single_from_new_slab"
    " alloc_full_sheaf"
    " __pcs_replace_empty_main kmem_cache_prefill_sheaf_noprof refill_sheaf __prefill_sheaf_pfmemalloc"
    " alloc_from_new_slab kmalloc_nolock_noprof vrealloc_node_align_noprof __alloc_empty_sheaf vpanic",
}
WHO_ASK = (
    "my_kmalloc kmalloc_reserve kmalloc_parameter vmalloc_fault vmalloc_to_sg folio_alloc_buffers"
    " folio_alloc_swap vma_alloc_anon_folio_pmd pcs_request_gpio bpf_prog_realloc bpf_prog_load"
    " memcg_charge_kernel_stack try_charger_enable print_trace_header save_stack dump_mac_header"
    " allocated alloc_skb_with_frags __alloc_skb page_frag_alloc_1k filemap_alloc_folio"
    " pagecache_get_page __page_cache_alloc pte_alloc_one alloc_huge_page copy_process kmemdup kstrdup"
    " dma_alloc_coherent module_alloc binder_alloc_mmap_handler sk_page_frag_refill"
    " skb_page_frag_refill pcpu_alloc vmemmap_alloc_block alloc_shrinker_info alloc_inode"
    " alloc_vmap_stack __alloc_range alloc_netdev_mqs"
)


@pytest.mark.parametrize("version", [*OF_THE_ALLOCATOR])
def test_functions_of_the_allocator_s_files_are_its_own(version: str) -> None:
    names = set(OF_THE_ALLOCATOR[version].split())
    assert {name for name in names if not is_allocator(name)} == set()


def test_functions_that_ask_for_memory_are_not() -> None:
    assert {name for name in WHO_ASK.split() if is_allocator(name)} == set()


def test_a_wrapper_that_no_version_has_yet_is_told_by_the_words_of_its_name() -> None:
    names = (
        "alloc_kmem_pages_mpol_noprof",
        "__kmalloc_cache_bulk_noprof",
        "slab_post_alloc_hook",
        "vzalloc_huge_node_noprof",
    )
    assert all(map(is_allocator, names))


def test_the_allocator_is_no_module() -> None:
    stack = [
        Frame(function="dump_stack"),
        Frame(function="__kmalloc_noprof"),
        Frame(function="kvmalloc_node", module="compat"),
        Frame(function="probe", module="compat"),
    ]
    assert first_caller(stack) == "kvmalloc_node"
