# SPDX-License-Identifier: Apache-2.0
"""Which cvd and which launcher: what can be asked of neither is said to be unknown."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.guests.cuttlefish.group import fleet
from orchestrator.guests.cuttlefish.version import (
    CvdVersion,
    adb_version,
    images_version,
    probe,
    unknown_flags,
)

# As cvd 1.57.0 prints its commands.
HELP = "Commands (cvd help <command>):\n\n\tfleet - lists\n\n\tremove, rm - Remove\n\n\tps - x\n"
XML = """<?xml version="1.0"?>
<AllFlags><program>assemble_cvd</program>
<flag><file>f.cc</file><name>cpus</name><default>4</default><type>string</type></flag>
<flag><file>f.cc</file><name>gpu_mode</name><default>auto</default><type>string</type></flag>
</AllFlags>
"""


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def cvd(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch, helped: str = HELP) -> CvdVersion:
    answers = {"version": f"version: {version}\nVCS: \n", "help": helped}
    lines = [f"{word}) cat <<'E'\n{text}\nE\n;;" for word, text in answers.items()]
    program(folder / "cvd", f"case $1 in {' '.join(lines)} *) exit 255;; esac")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return probe()


def test_googles_tells_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cvd(tmp_path, "1.55.2", monkeypatch)
    assert found.words == "1.55.2 (Google's)"
    assert found.commands == frozenset({"fleet", "remove", "rm", "ps"})


def test_debians_is_that_of_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(
        tmp_path / "dpkg-query",
        f'case $1 in --search) test $2 = {tmp_path}/cvd && echo "cuttlefish-base: $2";;'
        " --show) test $3 = cuttlefish-base && printf 1.57.0+dfsg.1-1;; esac",
    )
    assert cvd(tmp_path, "", monkeypatch).words == "1.57.0+dfsg.1-1 (Debian's)"


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ("ps", "1.56 or newer"),
        ("monitor", "1.55 or newer"),
        ("setup", "1.54 or newer"),
        ("x", "older than 1.54"),
    ],
)
def test_a_cvd_of_nobodys_is_told_by_its_commands(commands: str, words: str) -> None:
    assert words in CvdVersion("/x/cvd", "", frozenset({"fleet", commands})).words


def test_a_cvd_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "cvd", "echo no library >&2; exit 127")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(HostError, match="status 127"):
        probe()


def test_an_old_cvd_refuses_to_tell_even_its_version_and_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 1.55.4 does it to somebody who is not in its groups."""
    program(
        tmp_path / "cvd",
        "printf ' v CF_EXPECT(actions.empty())\\nRun `cvd setup` to configure the host.\\n' >&2; exit 255",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(HostError, match="cvd refuses this host") as told:
        probe()
    assert "usermod" in told.value.hint
    with pytest.raises(HostError, match="cvd refuses this host"):
        fleet()


def test_adb(tmp_path: Path) -> None:
    program(tmp_path / "adb", "printf 'Android Debug Bridge version 1.0.41\\nVersion 34.0.5-debian\\n'")
    assert adb_version(str(tmp_path / "adb")) == "34.0.5-debian"
    with pytest.raises(HostError, match="not installed"):
        adb_version(str(tmp_path / "other"))


def test_images_that_were_fetched_tell_their_build(tmp_path: Path) -> None:
    assert images_version(tmp_path) == ""
    file = tmp_path / "fetcher_config.json"
    entry = {"build_id": "16373615", "build_target": "aosp_cf_x86_64_only_phone-userdebug"}
    file.write_text(json.dumps({"cvd_config": {"files": {"boot.img": entry, "super.img": entry, "x": {}}}}))
    assert images_version(tmp_path) == "16373615 aosp_cf_x86_64_only_phone-userdebug"
    for strange in ("[]", "{}", "{", '{"cvd_config": {"files": 3}}', '{"cvd_config": {"files": [1]}}'):
        file.write_text(strange)
        assert images_version(tmp_path) == ""


def test_flags_that_a_launcher_does_not_know(tmp_path: Path) -> None:
    flags = ["cpus", "gpu_mode", "run_adb_connector", "nosuchflag"]
    assert unknown_flags(tmp_path, flags) == []  # there is nobody to ask
    program(tmp_path / "bin/assemble_cvd", f"cat <<'E'\n{XML}\nE\nexit 1")  # as the real one ends
    assert unknown_flags(tmp_path, flags) == ["nosuchflag"]
    program(tmp_path / "bin/assemble_cvd", "echo no xml; exit 1")
    assert unknown_flags(tmp_path, flags) == []
