# SPDX-License-Identifier: Apache-2.0
"""The examples of using it as a library do what they say, and are short enough to be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples import judge_a_console, look_at_a_kernel, read_a_run
from orchestrator.errors import ExitCode, InputError
from orchestrator.outcome import Outcome
from tests.unit.kernels.given import kernel_images
from tests.unit.report.factory import Made, run_directory

_LINES_BELOW = 40


def test_each_is_short(checkout: Path) -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in (checkout / "examples").glob("*.py")}
    assert len(lengths) > 1
    assert {name: lines for name, lines in lengths.items() if lines >= _LINES_BELOW} == {}


def test_a_run_directory_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = run_directory(tmp_path / "run", Made(blocks=1, benchmarks=False))
    assert read_a_run.main(directory.path) == ExitCode.MET
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "binder-order3: met"
    assert any(line.startswith("trial 1, kcalloc: oom, ") for line in lines)
    assert any("order 3" in line for line in lines)


def test_its_exit_code_is_the_verdicts(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", Made(blocks=1, benchmarks=False, spoil=Outcome.PANIC))
    assert read_a_run.main(directory.path) == ExitCode.NOT_MET
    with pytest.raises(InputError):
        read_a_run.main(tmp_path)


@pytest.mark.parametrize(
    ("console", "code", "said"),
    [
        ("6.1-arm64-binder-order3.txt", 1, "fragmentation"),
        ("6.1-arm64-null-write.txt", 1, "binder"),
    ],
)
def test_a_console_log_is_judged(
    checkout: Path, capsys: pytest.CaptureFixture[str], console: str, code: int, said: str
) -> None:
    assert judge_a_console.main(checkout / "tests" / "data" / "consoles" / console) == code
    shown = capsys.readouterr().out
    assert said in shown
    assert shown.startswith("line ")


def test_a_log_without_a_kill_or_crash_is_good(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("[    0.000000] Booting Linux on physical CPU 0x0000000000\n")
    assert judge_a_console.main(log) == 0


def test_kernel_images_are_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = kernel_images.ikconfig(
        "CONFIG_ARM64=y\nCONFIG_NUMA=y\nCONFIG_NODES_SHIFT=4\nCONFIG_ARM64_16K_PAGES=y\n"
    )
    (tmp_path / "Image").write_bytes(kernel_images.arm64_image(config, flags=0b1100))
    assert look_at_a_kernel.main([tmp_path / "Image"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"Image: Linux {kernel_images.RELEASE} for arm64, pages of 16 KiB"
    assert any(line.startswith("  NUMA: yes") and "(phone: no): a page's node" in line for line in lines)
    assert any(line.startswith("  page size: 16 KiB (phone: 4 KiB)") for line in lines)
    with pytest.raises(InputError):
        look_at_a_kernel.main([tmp_path])
