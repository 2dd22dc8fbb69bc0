# SPDX-License-Identifier: Apache-2.0
"""What was asked of a configuration and did not come of it, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernels.build.config.expression import unsatisfied
from orchestrator.kernels.build.config.fragment import ConfigLine
from orchestrator.kernels.build.config.kconfig import is_kconfig, known_options, nearest
from orchestrator.kernels.build.config.unmet import Unmet, required, unmet

KCONFIG = """
menuconfig SWAP
\tbool "Support for paging"
\tdepends on MMU && BLOCK && \\
\t\t!ARCH_NO_SWAP
\thelp
\t  config NOT_AN_OPTION
\t  select NOR_THIS

\t  depends on nothing.

if SWAP
config ZSWAP
\tbool "Compressed cache"
\tdepends on CRYPTO || LZO
\tselect ZPOOL if MMU
endif

menu "Things"
\tdepends on THINGS

config THING
\ttristate
\tprompt "A thing"
\tdepends on $(cc-option,-fthing) && THING_LEVEL >= 3
endmenu

config COMPACTION
\tdef_bool y
config ZPOOL
\tbool
"""
KNOWN = known_options([("mm/Kconfig", KCONFIG)])


def reason(option: str, value: str, got: str) -> str:
    (only,) = unmet([ConfigLine(option, value)], got, KNOWN)
    return only.reason


def test_what_is_as_wanted_is_not_listed() -> None:
    wanted = [ConfigLine("A", "y"), ConfigLine("B", "n"), ConfigLine("C", "7"), ConfigLine("D", "0x0a")]
    assert unmet(wanted, "CONFIG_A=y\nCONFIG_C=7\nCONFIG_D=0xa\n") == []


def test_what_is_not_is_listed_in_order() -> None:
    wanted = [ConfigLine("B", "n", optional="since 6.12"), ConfigLine("A", "y"), ConfigLine("C", "7")]
    assert unmet(wanted, "CONFIG_A=m\nCONFIG_B=y\n") == [
        Unmet("B", "n", "y", optional="since 6.12"),
        Unmet("A", "y", "m"),
        Unmet("C", "7", "n"),
    ]
    assert [item.option for item in required(unmet(wanted, ""))] == ["A", "C"]


def test_the_message_names_option_wanted_and_got() -> None:
    (only,) = unmet([ConfigLine("COMPACTON", "y")], "", KNOWN)
    assert only.message == (
        "CONFIG_COMPACTON=y was asked for and is not set:"
        " this kernel has no such option; did you mean COMPACTION?"
    )
    assert Unmet("A", "n", "y").message == "CONFIG_A=n was asked for and is y"


def test_a_dependency_is_named_where_it_is_not_satisfied() -> None:
    assert reason("SWAP", "y", "CONFIG_MMU=y") == "it needs BLOCK (mm/Kconfig:2)"
    got = "CONFIG_MMU=y\nCONFIG_BLOCK=y\nCONFIG_ARCH_NO_SWAP=y"
    assert reason("SWAP", "y", got) == "it needs !ARCH_NO_SWAP (mm/Kconfig:2)"


def test_the_menu_or_condition_around_is_a_dependency() -> None:
    assert reason("ZSWAP", "y", "") == "it needs SWAP, CRYPTO || LZO (mm/Kconfig:13)"
    assert reason("ZSWAP", "y", "CONFIG_SWAP=y\nCONFIG_LZO=m") == "see mm/Kconfig:13"
    assert reason("THING", "m", "") == "it needs THINGS (mm/Kconfig:22)"


def test_what_selects_an_option_is_named() -> None:
    assert reason("ZPOOL", "n", "CONFIG_ZPOOL=y\nCONFIG_ZSWAP=y") == "selected by ZSWAP"


def test_an_option_without_a_prompt_cannot_be_set() -> None:
    assert reason("COMPACTION", "n", "CONFIG_COMPACTION=y") == "it follows from others (mm/Kconfig:28)"


def test_a_help_text_defines_nothing() -> None:
    assert "NOT_AN_OPTION" not in KNOWN
    assert "NOR_THIS" not in KNOWN
    assert KNOWN["SWAP"].depends == ["MMU && BLOCK &&  !ARCH_NO_SWAP"]


def test_what_is_like_nothing_has_no_suggestion() -> None:
    assert nearest("FROBNICATE", KNOWN) is None
    assert reason("FROBNICATE", "y", "") == "this kernel has no such option"


def test_files_of_another_architecture_are_not_read() -> None:
    read = [name for name in FILES if is_kconfig(name, "arm64")]
    assert read == ["Kconfig", "arch/Kconfig", "arch/arm64/Kconfig.debug", "mm/Kconfig"]


FILES = [
    "Kconfig", "arch/Kconfig", "arch/arm64/Kconfig.debug", "arch/x86/Kconfig", "mm/Kconfig", "mm/Makefile",
    "scripts/Kconfig.include",
]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ("A", []), ("B", ["B"]), ("!A", ["!A"]), ("!B", []), ("A || B", []), ("B || C", ["B || C"]),
        ("A && B && !A", ["B", "!A"]), ("(B || A) && C", ["C"]), ("!(A || B)", ["!(A || B)"]), ("M", []),
        ("B = n", []), ("$(cc-option,-fx) && B", ["B"]), ("y && n", ["n"]), ('"x" != "y"', []), ("", []),
    ],
)  # fmt: skip
def test_conditions(condition: str, parts: list[str]) -> None:
    assert unsatisfied(condition, {"A": "y", "M": "m", "B": "n"}) == parts


@given(st.text(alphabet='AB!()&|=<>"$ yn', max_size=40))
def test_any_condition_is_read(condition: str) -> None:
    unsatisfied(condition, {"A": "y"})


@given(st.lists(st.sampled_from(KCONFIG.splitlines())))
def test_any_kconfig_is_read(lines: list[str]) -> None:
    known_options([("Kconfig", "\n".join(lines))])
