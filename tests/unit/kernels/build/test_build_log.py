# SPDX-License-Identifier: Apache-2.0
"""Of a build log that nobody reads whole, the lines that say why it failed."""

from __future__ import annotations

import pytest

from orchestrator.kernels.build.build_log import first_errors

_STEPS = [
    "  CC      lib/error-inject.o",
    "  LD [M]  drivers/error.ko",
    "make[2]: *** Waiting for unfinished jobs....",
]
_WARNING = "mm/slub.c:9:5: warning: unused variable 'error' [-Wunused-variable]"
_END = "make[2]: *** [scripts/Makefile.build:243: mm/slub.o] Error 1"


def test_the_first_errors_come_first() -> None:
    log = ["a.c:1:2: error: no", "a.c:2:2: error: nor this", "make: *** Error 1"]
    assert first_errors(["scripts/checksyscalls.sh", *log]) == log
    assert first_errors(["a", "b"]) == ["a", "b"], "its end, where nothing tells"


def test_steps_are_no_errors_whatever_their_files_are_called() -> None:
    log = [*_STEPS[:2], "mm/slub.c:9:5: error: no", *_STEPS, _END]
    assert first_errors(log) == ["mm/slub.c:9:5: error: no", _END]


@pytest.mark.parametrize(
    "error",
    [
        "mm/slub.c:9:5: error: 'nothing' undeclared",
        "mm/slub.c:9:10: fatal error: linux/none.h: No such file or directory",
        "error[E0425]: cannot find value `x` in this scope",
        "error: aborting due to 1 previous error",
        "ld.lld: error: undefined symbol: nothing",
        "slub.c:(.text+0x10): undefined reference to `nothing'",
        'ERROR: modpost: "nothing" [drivers/android/binder_linux.ko] undefined!',
        "{standard input}:12: Error: unknown mnemonic `nothing'",
        "Error: mm/slub.c: nothing",
    ],
)
def test_an_error_comes_before_warnings_that_speak_of_errors(error: str) -> None:
    assert first_errors([_WARNING, *[f"more {number}" for number in range(40)], error, _END])[0] == error


def test_where_an_error_is_stands_before_it() -> None:
    log = [
        "In file included from mm/slub.c:3:",
        "                 from mm/internal.h:7:",
        "mm/slub.c: In function 'slub':",
        "mm/slub.c:9:5: error: no",
        _END,
    ]
    assert first_errors([_WARNING, *log]) == log


@pytest.mark.parametrize(
    "line",
    [
        "/bin/sh: 1: bc: not found",
        "make[1]: *** No rule to make target 'mm/none.o', needed by 'mm/built-in.a'.  Stop.",
        "Makefile:10: *** missing separator.  Stop.",
        "mm/Kconfig:12: syntax error",
    ],
)
def test_what_says_it_in_other_words_is_found(line: str) -> None:
    assert first_errors(["quiet", *_STEPS, line, "make: *** [Makefile:2] Error 2"])[0] == line
