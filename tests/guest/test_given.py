# SPDX-License-Identifier: Apache-2.0
"""Kernels given as files: a distribution's image with its modules, and one that was built here."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import run
from orchestrator.kernels.base import IMAGE_FILE, MODULES
from orchestrator.kernels.given.contents import MARKS
from orchestrator.kernels.given.image import BinderDriver, read_image_file
from orchestrator.run.environment import Environment
from tests.guest.built_kernel import built_kernel
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

TEXT = """
name: given
device:
  arch: arm64
  memory: 160MiB
  cma: 0
  sysctls: {{vm.watermark_boost_factor: 0, vm.compaction_proactiveness: 0}}
variants:
  distribution: {{base: {{image: Image.gz, modules: modules, initramfs: more.cpio.gz}}}}
  built: {{base: {{image: bare/Image}}}}
fragmentation:
  target: {{usable_units: {{order: 3, max: 40}}, free: {{min: 16MiB}}}}
  stressors: [{stressors}]
trigger: {{kind: binder-mmap, size: 4MiB, count: 200, hold: true}}
trials: {{blocks: 1, seed: 5}}
audit: false
expectations:
  distribution: {{outcome: oom, first_oom: {{order: 3, caller: binder_alloc_mmap_handler}}}}
  built: {{outcome: passed}}
"""


@pytest.fixture
def files(oomlab: Oomlab, environment: Environment) -> Path:
    """Debian's image packed, its modules as /lib/modules has them, an archive with a file; a built image."""
    root = oomlab.directory
    entry = environment.images["kcalloc"].kernel.parent
    (root / "Image.gz").write_bytes(gzip.compress((entry / IMAGE_FILE).read_bytes(), 1))
    release = environment.images["kcalloc"].release
    shutil.copytree(entry / MODULES, root / "modules" / release / "kernel")
    packed = run(
        ["cpio", "-o", "-H", "newc", "--quiet"],
        cwd=root,
        input_bytes=f"modules/{release}\n".encode(),
        deadline=Deadline.after(30, "packing"),
    ).stdout
    (root / "more.cpio.gz").write_bytes(gzip.compress(packed))
    (root / "bare").mkdir()
    shutil.copyfile(built_kernel().image.file(IMAGE_FILE), root / "bare/Image")
    return root


def test_given_kernels_end_as_the_same_kernels_do_that_are_not_given(files: Path, oomlab: Oomlab) -> None:
    (files / "given.yaml").write_text(TEXT.format(stressors="pipes"))
    completed = oomlab("run", "given.yaml", "--out", "run", "--json", "--verbose")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    artefacts = json.loads((files / "run/manifest.json").read_bytes())["artefacts"]
    given = {each["given"]["image"]: each for each in artefacts.values()}
    assert given.keys() == {"Image.gz", "Image"}
    record = given["Image.gz"]["given"]
    assert None not in (record["modules_sha256"], record["initramfs_sha256"])
    assert given["Image.gz"]["variants"][0]["module_origin"] == "distribution"
    assert given["Image"]["variants"][0]["module_origin"] == "built-in"
    assert b"distribution: it comes without its configuration" in completed.stderr
    assert b"built: it comes" not in completed.stderr


def test_what_a_given_kernel_lacks_is_told_before_it_boots(files: Path, oomlab: Oomlab) -> None:
    (files / "given.yaml").write_text(TEXT.format(stressors="pipes, page_cache"))
    for module in (files / "modules").rglob("null_blk.ko"):
        module.unlink()
    completed = oomlab("run", "given.yaml", "--out", "run", "--json")
    assert completed.returncode == ExitCode.BAD_INPUT
    assert b"null_blk is neither built in nor among its modules" in completed.stderr
    assert b"the stressor page_cache" in completed.stderr
    assert b"booting" not in completed.stderr


def test_a_built_image_tells_of_itself_what_it_was_configured_as() -> None:
    kernel = built_kernel()
    image = read_image_file(kernel.image.file(IMAGE_FILE))
    config = kernel.image.file("config").read_text().splitlines()
    assert image.config is not None
    assert image.config.splitlines() == config
    assert image.binder == (BinderDriver("c", "built in", "its IKCONFIG"),)
    assert image.release == kernel.release
    assert image.marks == {option for option in MARKS if f"CONFIG_{option}=y" in config}
    assert image.what == "arm64 Image"
