# SPDX-License-Identifier: Apache-2.0
"""The text of a .config: read as kconfig reads it, and never more lines written than were meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.kernels.build.config.text import checked_config, line_of, parse_config, same_value

DEBIAN = Path(__file__).parents[4] / "data/kernel-configs/debian-6.12-arm64-part.config"

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,30}", fullmatch=True)
NUMBERS = st.integers(min_value=-(10**12), max_value=10**12).map(str)
HEX = st.integers(min_value=0, max_value=2**64).map(hex)
STRINGS = st.text(st.characters(blacklist_characters='"\\\n\r\0', blacklist_categories=["Cs"])).map(
    '"{}"'.format
)
VALUES = st.one_of(st.sampled_from("ymn"), NUMBERS, HEX, STRINGS)


def test_a_distributions_configuration_is_read() -> None:
    options = parse_config(DEBIAN.read_text())
    assert options["COMPACTION"] == "y"
    assert options["ANDROID_BINDER_IPC"] == "m"
    assert options["ANDROID_BINDERFS"] == "n"
    assert options["ANDROID_BINDER_DEVICES"] == '"binder"'
    assert options["ARM64_VA_BITS"] == "52"
    assert options["CMDLINE"] == '""'


@given(st.dictionaries(NAMES, VALUES, max_size=20))
def test_what_is_written_is_what_is_read(options: dict[str, str]) -> None:
    text = "\n".join(line_of(name, value) for name, value in options.items())
    assert parse_config(text) == options


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for name, value in parse_config(text).items():
        assert "\n" not in name + value


@given(NAMES, st.text())
def test_a_value_never_brings_another_option(name: str, value: str) -> None:
    try:
        line = line_of(name, value)
    except InputError:
        return
    assert parse_config(line) == {name: value}


def test_of_two_values_the_last_counts() -> None:
    assert parse_config("CONFIG_SWAP=y\n# CONFIG_SWAP is not set\n") == {"SWAP": "n"}
    assert parse_config("# CONFIG_SWAP is not set\r\nCONFIG_SWAP=y\r\n") == {"SWAP": "y"}


@pytest.mark.parametrize(
    "line",
    ["CONFIG_SWAP", "#CONFIG_SWAP=y", "# CONFIG_SWAP=y", " CONFIG_SWAP=y", "SWAP=y", "# CONFIG_SWAP is set"],
)
def test_what_kconfig_skips_is_skipped(line: str) -> None:
    assert parse_config(line) == {}


@pytest.mark.parametrize(
    "value", ["yes", "Y", "", "y ", "y\nCONFIG_A=y", '"a"b"', '"a', "0x", "7.5", '"a\\"']
)
def test_no_value_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="option SWAP"):
        line_of("SWAP", value)


@pytest.mark.parametrize("name", ["", "CONFIG_", "A B", "A-B", "A=y\nCONFIG_B", "Ä"])
def test_no_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no name of a kernel option"):
        line_of(name, "y")


def test_a_name_may_have_its_prefix() -> None:
    assert line_of("CONFIG_SWAP", "y") == "CONFIG_SWAP=y"
    assert line_of("SWAP", "n") == "# CONFIG_SWAP is not set"


def test_another_file_is_no_configuration() -> None:
    with pytest.raises(InputError, match=r"x\.gz is no kernel configuration"):
        checked_config("\x1f\x8b", "x.gz")
    assert checked_config("CONFIG_SWAP=y\n", "x") == {"SWAP": "y"}


def test_hexadecimal_numbers_are_compared_as_numbers() -> None:
    assert same_value("0x10", "0X0010")
    assert not same_value("0x10", "16")
    assert not same_value("y", "m")
