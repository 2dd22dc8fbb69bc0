# SPDX-License-Identifier: Apache-2.0
"""Gives free lists back the asterisks ("486*4kB") that Markdown and other markup took from them."""

from __future__ import annotations

import re

_ZONE = r"(?:Node \d{1,5} )?(?:DMA32|DMA|Normal|HighMem|Movable|Device)"
# As another sign, or escaped.
_SIGN = re.compile(
    r"(?<![\w*])(\d{1,15})(?:\\\*|\*\*|[_xX\u00d7\u2217\u00b7\u2022\u22c5\uff0a]) ?(?=\d{1,8}kB\b)"
)
# Without any: "4864kB 468kB" was 486*4kB 46*8kB.
_BARE = re.compile(rf"(?<![\w])({_ZONE}: )((?:\d{{2,20}}kB(?: \([A-Z]{{1,8}}\))? ){{4,32}})= (\d{{1,15}})kB")
_ITEM = re.compile(r"(\d{2,20})kB")
_SMALLEST_KB = (4, 8, 16, 32, 64)


def with_asterisks(text: str) -> str:
    """The text as the kernel printed it; itself where nothing is missing, or where no sum proves it."""
    if "kB" not in text:
        return text
    text = _SIGN.sub(r"\1*", text)
    return _BARE.sub(_restored, text) if " = " in text else text


def _restored(match: re.Match[str]) -> str:
    head, items, total = match.groups()
    numbers = _ITEM.findall(items)
    for smallest_kb in _SMALLEST_KB:
        sizes = [str(smallest_kb << index) for index in range(len(numbers))]
        pairs = list(zip(numbers, sizes, strict=True))
        if not all(number.endswith(size) and number != size for number, size in pairs):
            continue
        counts = [number.removesuffix(size) for number, size in pairs]
        if sum(int(count) * int(size) for count, size in zip(counts, sizes, strict=True)) == int(total):
            for number, size, count in zip(numbers, sizes, counts, strict=True):
                items = items.replace(f"{number}kB", f"{count}*{size}kB", 1)
            return f"{head}{items}= {total}kB"
    return match[0]
