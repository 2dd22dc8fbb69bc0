# SPDX-License-Identifier: Apache-2.0
"""What users read has the kernel's words, and the field's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.docs.vocabulary import faults, of_agent, of_module, of_page, texts_of


def test_no_text_that_users_read_has_a_homely_word(checkout: Path) -> None:
    found = [(where, fault) for where, text in texts_of(checkout) for fault in faults(text)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "kcalloc dies at order 3, kvcalloc lives",
        "With kvcalloc the same guest lived.",
        "the base died after 49 mappings",
        "contiguous memory was served",
        "Both variants were served in full.",
        "How many requests the kernel refused",
        "12 requests were refused",
        "the driver from before OOMs",
        "kcalloc OOMed twice",
        "enough is free, but in pieces that are too small",
        "asked for 32KiB in one piece",
        "compaction was put off",
        "4 mmaps were cut off",
        "it called the OOM killer",
        "each block is raised again",
        "the guest is frozen at its target",
        "the asker is protected",
        "binder asks for a page array of 32 KiB",
        "Ctrl-C ends a run in order: nothing is left",
        "what the machine's mood does to times",
    ],
)
def test_a_homely_word_is_noticed_in_any_sentence(text: str) -> None:
    assert faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "kcalloc invokes the OOM killer at order 3, kvcalloc passes",
        "a process that dies by a signal",
        "apps in the background die first",
        "QEMU dies with whoever started it",
        "a live line on a terminal",
        "a key that no scenario has is refused",
        "Memory cgroup OOMs count as OOMs.",
        "a message in one line, a table in two parts",
        "in order to see it, run it; in that order",
        "a request of order 3 fails",
        "the server is frozen (BR_FROZEN_REPLY)",
    ],
)
def test_a_word_in_its_right_place_is_none(text: str) -> None:
    assert faults(text) == []


PAGE = """says `served` here
```yaml
served: 1
```
```console
$ oomlab
```
"""
MODULE = '''"""A page of it."""
import re
WORDS = re.compile(r"kcalloc (?:dies) now")
says = "a kernel dies"
'''


def test_what_is_read_of_a_page_and_of_sources() -> None:
    assert "served" not in of_page(PAGE)
    assert "$ oomlab" in of_page(PAGE)
    assert list(of_module(MODULE)) == ["a kernel dies"]
    assert list(of_agent('emit_note("all %d holders", 1); /* dies here */ x("one");')) == ["all %d holders"]
