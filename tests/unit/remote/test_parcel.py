# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.variants import by_kernel
from orchestrator.remote.parcel import moved, tar_of
from orchestrator.run.environment import variant_recipes
from orchestrator.run.guest_files import file_problems, guest_files
from orchestrator.scenario.dump import yaml_text
from orchestrator.scenario.loading.files import shipped_scenarios
from orchestrator.scenario.loading.loader import load_scenario, load_text
from orchestrator.scenario.models import Scenario
from tests.unit.guest_files.elf_files import elf, write

_PATCH = """--- a/drivers/android/binder.c
+++ b/drivers/android/binder.c
@@ -1,1 +1,1 @@
-one
+two
"""


def _unpacked(scenario: Scenario, directory: Path) -> Scenario:
    """What is read on the other machine, where nothing of this one's is."""
    data, contents = moved(scenario)
    with tarfile.open(
        fileobj=io.BytesIO(tar_of({**contents, "s.yaml": yaml_text(data).encode()}))
    ) as archive:
        archive.extractall(directory, filter="data")
    return load_scenario(directory / "s.yaml").scenario


def _without_paths(scenario: Scenario) -> object:
    data = scenario.model_dump(mode="json")
    data.pop("variants")
    data["device"].pop("profile")
    return data


def _built(tree: Path, config: str, *patches: Path) -> str:
    listed = ", ".join(f"'{patch}'" for patch in patches)
    return f"{{base: {{source: '{tree}', config: '{config}', options: {{NUMA: n}}}}, patches: [{listed}]}}"


def _load(variants: dict[str, str], folder: Path) -> Scenario:
    shown = "".join(f"  {name}: {text}\n" for name, text in variants.items())
    text = (
        "name: moved\ndevice: {arch: arm64, memory: 256MiB}\nvariants:\n"
        f"{shown}trigger: {{kind: binder-mmap, size: 4MiB, count: 10}}\n"
    )
    return load_text(text, folder / "scenario.yaml").scenario


@pytest.mark.parametrize("name", sorted(shipped_scenarios()))
def test_a_shipped_scenario_is_the_same_on_the_other_machine(name: str, tmp_path: Path) -> None:
    here = load_scenario(shipped_scenarios()[name]).scenario
    there = _unpacked(here, tmp_path)
    assert _without_paths(there) == _without_paths(here)
    _assert_same_kernels(here, there)


def test_trees_of_one_name_stay_two_kernels_of_the_same_names(tmp_path: Path) -> None:
    trees = [tmp_path / "here" / name / "linux" for name in ("a", "b")]
    for tree in trees:
        (tree / "drivers/android").mkdir(parents=True)
    patch, config = tmp_path / "a fix; $(x).patch", tmp_path / "my.config"
    patch.write_text(_PATCH)
    config.write_text("CONFIG_ARM64_16K_PAGES=y\n")
    here = _load({"one": _built(trees[0], str(config)), "two": _built(trees[1], "small", patch)}, tmp_path)
    there = _unpacked(here, tmp_path / "there")
    assert {base.name for base in there.bases.values()} == {base.name for base in here.bases.values()}
    _assert_same_kernels(here, there)
    assert there.variants["one"].page_bytes == here.variants["one"].page_bytes == 16384


def test_a_given_kernel_is_named_and_not_sent(tmp_path: Path) -> None:
    image, modules = tmp_path / "k/Image", tmp_path / "k/modules"
    modules.mkdir(parents=True)
    image.write_bytes(b"x" * 100_000)
    here = _load({"given": f"{{base: {{image: '{image}', modules: '{modules}'}}}}"}, tmp_path)
    _, contents = moved(here)
    assert sum(len(content or b"") for content in contents.values()) == 0
    _assert_same_kernels(here, _unpacked(here, tmp_path / "there"))


def test_nothing_but_the_ends_of_paths_travels(tmp_path: Path) -> None:
    tree = tmp_path / "linux"
    tree.mkdir()
    data, contents = moved(_load({"one": _built(tree, "small")}, tmp_path))
    assert str(tmp_path) not in yaml_text(data)
    assert list(contents) == ["files/linux"]


def test_kernels_that_would_have_other_names_there_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.remote.parcel._names", lambda paths: dict.fromkeys(paths, "other"))
    tree = tmp_path / "linux"
    tree.mkdir()
    with pytest.raises(InputError, match="other names"):
        moved(_load({"one": _built(tree, "small")}, tmp_path))


def _assert_same_kernels(here: Scenario, there: Scenario) -> None:
    groups = [by_kernel(each.device.arch, variant_recipes(each)) for each in (here, there)]
    assert [group.request.name for group in groups[0]] == [group.request.name for group in groups[1]]
    patches = [[item.patch_files for group in each for item in group.variants] for each in groups]
    assert patches[0] == patches[1]


def test_files_for_the_guests_travel_with_the_libraries_that_were_found_here(tmp_path: Path) -> None:
    """The other machine need not have a cross compiler's C library, nor this one's."""
    library = write(tmp_path / "here/lib/libmine.so", elf())
    program = write(tmp_path / "here/mytest", elf(needed=("libmine.so",), runpath="$ORIGIN/lib"))
    text = (
        "name: moved\ndevice: {arch: arm64, memory: 256MiB}\nvariants: {a: {base: debian-6.1}}\n"
        "trigger: {kind: command, command: /opt/t}\nfiles: {./mytest: /opt/t}\n"
    )
    here = load_text(text, tmp_path / "here/scenario.yaml").scenario
    before = {each.guest: each.sha256 for each in guest_files(here).records}
    there = _unpacked(here, tmp_path / "there")
    library.unlink()
    program.unlink()
    assert not file_problems(there)
    assert {each.guest: each.sha256 for each in guest_files(there).records} == before
    assert before.keys() == {"/opt/t", "/lib/libmine.so"}
