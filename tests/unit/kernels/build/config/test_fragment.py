# SPDX-License-Identifier: Apache-2.0
"""Fragments: lines with comments, of which the later one counts."""

from __future__ import annotations

import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.build.config.fragment import merged, parse_fragment

TEXT = """# SPDX-License-Identifier: Apache-2.0
# About the file.

# From somewhere.
CONFIG_A=y
# optional: since 6.2
# CONFIG_B is not set
CONFIG_C=n
"""


def test_a_line_has_the_comment_above_it() -> None:
    first, second, third = parse_fragment("f", TEXT).lines
    assert (first.option, first.value, first.comment, first.optional) == ("A", "y", "From somewhere.", "")
    assert (second.option, second.value, second.comment, second.optional) == ("B", "n", "", "since 6.2")
    assert (third.value, third.optional) == ("n", "")


def test_its_text_is_what_kconfig_reads() -> None:
    text = "CONFIG_A=y\n# CONFIG_B is not set\n# CONFIG_C is not set\n"
    assert parse_fragment("f", TEXT).text == text


def test_the_later_fragment_counts() -> None:
    one = parse_fragment("one", "CONFIG_A=y\nCONFIG_B=1")
    other = parse_fragment("other", "# CONFIG_A is not set")
    assert {name: line.value for name, line in merged([one, other]).items()} == {"A": "n", "B": "1"}


@pytest.mark.parametrize("line", ["CONFIG_A", "A=y", "CONFIG_A=maybe"])
def test_what_is_no_line_is_named_with_its_place(line: str) -> None:
    with pytest.raises(InputError, match=r"f\.config:2: "):
        parse_fragment("f.config", f"# a\n{line}")
