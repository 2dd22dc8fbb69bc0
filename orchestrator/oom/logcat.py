# SPDX-License-Identifier: Apache-2.0
"""The columns of logcat, in every form of `-v`.

logd takes a kernel message apart at its first colon ("java: page allocation failure" gets the tag "java"),
so that of a kernel message the tag is a part. Forms: system/logging/liblog/logprint.cpp.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestrator.oom.shapes import find_shape, name_end

_WHEN = r"(?:(?:\d{4}-)?\d\d-\d\d +\d\d:\d\d:\d\d[.,]\d+|\d{1,12}\.\d{3,9})(?: [+-]\d{4})?"
_LEVEL = r"[VDIWEFS]"
_FORMS = (
    # threadtime, with `uid` also the user
    re.compile(
        rf"^{_WHEN} +(?:[\w.]{{1,24}} +)?(?P<pid>\d+) +\d+ {_LEVEL}"
        r"(?: +:| (?P<tag>[^:]{0,60}?) *:|)(?: |$)"
    ),
    # time, brief and tag
    re.compile(rf"^(?:{_WHEN} +)?{_LEVEL}/(?P<tag>[^(:]{{0,60}}?) *(?:\( *(?P<pid>\d+)\))?:(?: |$)"),
    # process and thread
    re.compile(rf"^{_LEVEL}\( *(?P<pid>\d+)(?:: *\d+)?\) "),
    # long: the message is in the next line
    re.compile(rf"^\[ {_WHEN} +(?P<pid>\d+): *\d+ {_LEVEL}/(?P<tag>\S*) *\]$"),
)
_TAG_BEHIND = re.compile(r" {2}\((?P<tag>[^()]{0,60}?) *\)$")
_SIGN = re.compile(r"^\d|^[VDIWEFS][/(]|^\[ \d")


class Columns(NamedTuple):
    """A message without them, and who spoke."""

    text: str
    source: str


def without_columns(text: str) -> Columns | None:
    """None for what is not of logcat."""
    if not _SIGN.match(text):
        return None
    match = next((match for match in (form.match(text) for form in _FORMS) if match is not None), None)
    if match is None:
        return None
    groups = match.groupdict()
    tag, rest = (groups.get("tag") or "").strip(), text[match.end() :]
    behind = _TAG_BEHIND.search(rest) if "tag" not in groups else None
    if behind is not None:
        tag, rest = behind["tag"], rest[: behind.start()]
    if not tag:
        return Columns(rest, "kernel")
    whole = _with_tag(tag, rest)
    if whole is not None:
        return Columns(whole, "kernel")
    return Columns(f"{tag}: {rest}", "kernel") if groups["pid"] == "0" else Columns(rest, tag)


def _with_tag(tag: str, rest: str) -> str | None:
    """The message of the kernel that logd took apart at its first colon, if it is one of a report."""
    for whole in (f"{tag}: {rest}", f"{tag}:{rest}"):
        if find_shape(whole) == 0 or name_end(whole) == len(tag):
            return whole
    return None
