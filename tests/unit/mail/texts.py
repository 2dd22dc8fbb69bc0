# SPDX-License-Identifier: Apache-2.0
"""A source file, changes to it, and what mail programs and archives do to a patch."""

from __future__ import annotations

import html
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

from hypothesis import strategies as st

from orchestrator.mail.diff import FoundPatch, find_patches
from orchestrator.mail.message import read_messages
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.tree_files import Files
from orchestrator.patch_review.unified import unified

DATA = Path(__file__).resolve().parents[2] / "data/mails"
SCOPE = "drivers/android"
PATH = f"{SCOPE}/pages.c"


def function(number: int) -> list[str]:
    """A function in which no line but the braces is like those of its siblings."""
    return [
        f"int pages_handler_{number}(struct pages *pages, struct area *area{number},",
        f"\t\t\tunsigned long long_argument_of_handler_{number})",
        "{",
        f"\tint ret{number} = 0;",
        "",
        f"\tif (!area{number}->length) {{",
        f"\t\tret{number} = -EINVAL;",
        f"\t\tgoto out{number};",
        "\t}",
        f"\tpages->array{number} = kcalloc(area{number}->length / PAGE_SIZE,",
        f"\t\t\t\tsizeof(pages->array{number}[0]), GFP_KERNEL);",
        f"\tif (pages->array{number} == NULL)",
        f"\t\tret{number} = -ENOMEM;",
        f"\tpages->seen{number}  =  pages->first{number} > 3 && pages->last{number} < 9;",
        f"out{number}:",
        f"\treturn ret{number};",
        "}",
        "",
    ]


LINES = [
    "// SPDX-License-Identifier: GPL-2.0",
    "",
    *(line for number in range(4) for line in function(number)),
]
BASE = SourceFile(PATH, "\n".join(LINES) + "\n")
FILES: Files = {PATH: BASE}


def changed_file(lines: Sequence[str]) -> SourceFile:
    return SourceFile(PATH, "\n".join(lines) + "\n")


def diff_to(after: SourceFile) -> str:
    return unified(BASE, after)


def mail_of(diff: str, *, stat: str = "") -> str:
    return f"Subject: [PATCH] pages: change something\n\nWords.\n---\n{stat}\n{diff}-- \n2.34.1\n"


def only_patch(data: bytes) -> FoundPatch:
    patches = [patch for message in read_messages(data) for patch in find_patches(message)]
    assert len(patches) == 1
    return patches[0]


@st.composite
def changes(draw: st.DrawFn) -> SourceFile:
    """The base with a few lines replaced, removed or added, inside functions."""
    lines = list(LINES)
    count = draw(st.integers(1, 3))
    spots = draw(st.lists(st.integers(8, len(LINES) - 4), min_size=count, max_size=count, unique=True))
    for spot in sorted(spots, reverse=True):
        kind = draw(st.sampled_from(["replace", "remove", "add"]))
        if kind == "replace" and lines[spot].strip(" \t{}"):
            lines[spot] = lines[spot].replace("kcalloc", "kvcalloc").replace("ret", "result")
        elif kind == "remove":
            del lines[spot]
        else:
            lines.insert(spot, f"\tcount_{spot}(pages);")
    return changed_file(lines)


def quote(text: str, depth: int, mark: str = "> ") -> str:
    return "".join(f"{mark * depth}{line}\n" for line in text.splitlines())


def entities(text: str) -> str:
    return html.escape(text, quote=False)


def spaces_lost(text: str) -> str:
    """As archives print it: no white space at the start of lines, single spaces inside."""
    return "".join(" ".join(line.split()) + "\n" for line in text.splitlines())


def tabs_lost(text: str) -> str:
    return text.replace("\t", "        ")


def wrapped(text: str, width: int) -> str:
    """Breaks long lines of the diff at a space, as mail programs do."""
    out = []
    for line in text.splitlines():
        cut = line.rfind(" ", 2, width) if len(line) > width else -1
        out += [line[:cut], line[cut + 1 :]] if cut > 2 and line[:cut].strip("+- \t") else [line]
    return "".join(f"{line}\n" for line in out)


def flowed(text: str) -> bytes:
    """RFC 3676: space-stuffed, no line ends in a space."""
    lines = [f" {line}" if line.startswith((" ", ">", "From ")) else line for line in text.splitlines()]
    head = "From: a@example.org\nSubject: [PATCH] pages\nContent-Type: text/plain; format=flowed\n\n"
    return (head + "".join(f"{line.rstrip() if line != '-- ' else line}\n" for line in lines)).encode()


def mime(text: str, encoding: str) -> bytes:
    message = EmailMessage()
    message["From"] = "A <a@example.org>"
    message["Subject"] = "[PATCH] pages: change something"
    message.set_content(text, cte=encoding)
    return message.as_bytes()


SIMPLE_DIFF = diff_to(changed_file([line.replace("int ret1 = 0;", "int ret1 = 1;") for line in LINES]))
