# SPDX-License-Identifier: Apache-2.0
"""A kernel that cannot see the device's NUMA nodes is refused before it boots, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bases import ConfigSpec
from orchestrator.kernels.build.config.text import parse_config
from orchestrator.kernels.nodes import too_few_nodes, traits_asked_for
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.page_array import unknown
from orchestrator.kernels.traits.traits import KernelTraits, traits_of
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.models import Scenario

TEXT = """
name: nodes
device: {arch: arm64, memory: 256MiB, nodes: NODES}
variants: {kcalloc: {base: BASE}}
trigger: {kind: command, command: 'true'}
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What scenarios may name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Image").touch()
    (tmp_path / "x.config").write_text("CONFIG_NUMA=y\nCONFIG_NODES_SHIFT=4\n")
    (tmp_path / "flat.config").write_text("# CONFIG_NUMA is not set\n")


def scenario(base: str, nodes: str = "2") -> Scenario:
    return load_text(TEXT.replace("BASE", base).replace("NODES", nodes), Path("nodes.yaml")).scenario


def traits(config: str) -> KernelTraits:
    return traits_of(KernelConfig(parse_config(config), "config"), "arm64", unknown("-"))


@pytest.mark.parametrize(
    ("config", "wanted", "why"),
    [
        ("CONFIG_NUMA=y\nCONFIG_NODES_SHIFT=4\n", 8, None),
        ("CONFIG_NUMA=y\nCONFIG_NODES_SHIFT=1\n", 4, "has 2 NUMA nodes at most (CONFIG_NODES_SHIFT), not 4"),
        (
            "# CONFIG_NUMA is not set\n",
            2,
            "has no NUMA (CONFIG_NUMA is off): all memory is one node to it, not 2",
        ),
        ("# CONFIG_NUMA is not set\n", 1, None),
    ],
)
def test_why_a_kernel_cannot_have_so_many(config: str, wanted: int, why: str | None) -> None:
    assert too_few_nodes(traits(config), wanted) == why


def test_of_a_kernel_without_its_configuration_nothing_is_claimed() -> None:
    assert too_few_nodes(traits_of(None, "arm64", unknown("-")), 2) is None
    assert too_few_nodes(None, 2) is None


@pytest.mark.parametrize("config", ["small", "gki-like"])
@pytest.mark.parametrize(
    ("options", "numa"), [((), False), ((("NUMA", "y"),), True), ((("NUMA", "n"),), False)]
)
def test_a_shipped_configuration_is_known_before_it_is_built(
    config: str, options: tuple[tuple[str, str], ...], *, numa: bool
) -> None:
    asked = traits_asked_for(ConfigSpec(config, options=options), "arm64")
    assert asked is not None
    assert asked.numa is numa


@pytest.mark.parametrize(
    "base",
    [
        "{source: linux-source-6.12, config: small}",
        "{source: ., config: gki-like}",
        "{source: ., config: ./flat.config}",
        "{source: ., config: debian-6.12, options: {NUMA: n}}",
    ],
)
def test_validate_refuses_it_at_its_line(base: str) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        scenario(base)
    (problem,) = refused.value.problems
    assert problem.line == 4
    assert "has no NUMA (CONFIG_NUMA is off)" in problem.what
    assert "options: {NUMA: y}" in problem.what
    scenario(base, nodes="1")


@pytest.mark.parametrize(
    "base",
    [
        "debian-6.12",
        "{source: ., config: small, options: {NUMA: y}}",
        "{image: ./Image}",
        "{source: ., config: ./x.config}",
    ],
)
def test_what_may_have_it_is_accepted(base: str) -> None:
    scenario(base)
