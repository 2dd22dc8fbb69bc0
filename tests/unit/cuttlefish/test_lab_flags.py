# SPDX-License-Identifier: Apache-2.0
"""The lab's launcher reads its command line as gflags does: texts as `assemble_cvd` of 1.57 prints them."""

from __future__ import annotations

import pytest

from tests.cuttlefish.launcher.flags import FlagError, Known, parse

KNOWN = Known(
    types={
        "cpus": "string",
        "enable_wifi": "string",
        "memory_mb": "string",
        "num_instances": "int32",
        "resume": "bool",
        "undefok": "string",
    },
    defaults={"cpus": "4", "memory_mb": "0"},
)


def test_values_come_in_all_of_gflags_forms() -> None:
    for words in (["--cpus=2"], ["-cpus=2"], ["--cpus", "2"], ["-cpus", "2"]):
        assert parse(words, KNOWN).text("cpus") == "2"
    assert parse(["--memory-mb=64"], KNOWN).number("memory_mb") == 64


def test_what_is_not_given_or_unset_has_its_default() -> None:
    assert parse([], KNOWN).number("cpus") == 4
    assert parse(["--cpus=unset"], KNOWN).number("cpus") == 4
    assert not parse([], KNOWN).has("cpus")


def test_true_booleans_have_bare_forms() -> None:
    assert parse(["--resume"], KNOWN).text("resume") == "true"
    assert parse(["--noresume"], KNOWN).text("resume") == "false"


def test_words_that_are_no_flags_are_ignored_without_a_word() -> None:
    assert parse(["--resume", "false", "x"], KNOWN).text("resume") == "true"


def test_an_unknown_flag_may_be_declared_fine() -> None:
    assert "later" not in parse(["--undefok=later,more", "--later=1"], KNOWN).given


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("--later=1", "ERROR: unknown command line flag 'later'"),
        ("--no-resume", "ERROR: unknown command line flag 'no-resume'"),
        ("--resume=maybe", "ERROR: illegal value 'maybe' specified for bool flag 'resume'"),
        ("--num_instances=x", "ERROR: illegal value 'x' specified for int32 flag 'num_instances'"),
        ("--noenable_wifi", "ERROR: boolean value (noenable_wifi) specified for string command line flag"),
        ("--enable_wifi", "ERROR: flag '--enable_wifi' is missing its argument"),
    ],
)
def test_what_gflags_refuses_is_refused_in_its_words(word: str, error: str) -> None:
    with pytest.raises(FlagError) as refused:
        parse([word], KNOWN)
    assert str(refused.value) == error
