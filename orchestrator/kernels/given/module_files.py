# SPDX-License-Identifier: Apache-2.0
"""Modules of a kernel that somebody brings: a directory as /lib/modules/RELEASE, or any with .ko files.

What a module depends on is told by the module itself, so that no modules.dep is needed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.files.reading import read_bounded
from orchestrator.kernels import kmod
from orchestrator.units import MIB

BUILTIN_FILE = "modules.builtin"
CONFIG_FILE = "config"
_LIMIT_BYTES = 256 * MIB
_MOST_FILES = 100_000
_ROUNDS = 20
"""Modules that modules need are read in as many steps as chains of them are long."""


@dataclass(frozen=True)
class ModuleDirectory:
    """What lies below a directory: modules by name, the names of what is built in, a configuration.

    `builtin` is None where nothing says what is built in. Of several files of one name the one below the
    directory of the wanted release is taken.
    """

    path: Path
    files: Mapping[str, Path]
    builtin: frozenset[str] | None = None
    config: str | None = None


@dataclass(frozen=True)
class GivenModules:
    """Modules in the order in which they load; `missing`: wanted, neither there nor known to be built in."""

    contents: Mapping[str, bytes] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    missing: frozenset[str] = frozenset()

    @property
    def sha256(self) -> str | None:
        """Of all that was taken, whatever else lies beside it; None for nothing."""
        if not self.contents:
            return None
        digest = hashlib.sha256()
        for name in sorted(self.contents):
            digest.update(f"{name} {hashlib.sha256(self.contents[name]).hexdigest()}\n".encode())
        return digest.hexdigest()


def look(path: Path, release: str) -> ModuleDirectory:
    """What is there; reads no module. InputError for what is no directory, or has no module in it."""
    if not path.is_dir():
        what = "is no directory" if path.exists() else "does not exist"
        raise InputError(
            f"the directory of modules {path} {what}",
            hint="`modules:` is a directory such as /lib/modules/RELEASE, unpacked",
        )
    root = next((place for place in _places(path, release) if place.is_dir()), path)
    files: dict[str, Path] = {}
    for file in _walk(root):
        files.setdefault(kmod.module_name(file.name), file)
    builtin, config = root / BUILTIN_FILE, root / CONFIG_FILE
    if not files and not builtin.is_file():
        raise InputError(
            f"there is no module below {path}",
            hint="expected files .ko, .ko.xz, .ko.zst or .ko.gz; a kernel without modules has no `modules:`",
        )
    return ModuleDirectory(
        root,
        files,
        _names(builtin) if builtin.is_file() else None,
        _text(config) if config.is_file() else None,
    )


def _places(path: Path, release: str) -> Iterator[Path]:
    """Where the modules of a release are below what people name: the directory above, or a whole root."""
    for inner in (release, f"lib/modules/{release}", f"usr/lib/modules/{release}"):
        yield path / inner


def _walk(root: Path, more: Container[str] = ()) -> Iterator[Path]:
    """All module files (and `more`), in a fixed order; past links, for `build` leads to a whole source."""
    count = 0
    for directory, names, files in os.walk(root):
        names.sort()
        for name in sorted(name for name in files if kmod.is_module(name) or name in more):
            count += 1
            if count > _MOST_FILES:
                raise InputError(f"there are more than {_MOST_FILES} modules below {root}")
            path = Path(directory, name)
            if path.is_file():  # a pipe would be waited for, and a link may lead nowhere
                yield path


def fingerprint(root: Path) -> str:
    """What changes when a file does, without reading the modules; OSError when there is no directory."""
    digest = hashlib.sha256()
    os.scandir(root).close()
    for path in _walk(root, (BUILTIN_FILE, CONFIG_FILE)):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def take(
    directory: ModuleDirectory,
    wanted: Iterable[str],
    builtin: frozenset[str],
    vermagic: str | None,
    release: str,
) -> GivenModules:
    """The wanted modules and all they need, read and checked: they have to be of the kernel's version.

    `builtin` are names that are known to be in the kernel. `vermagic` is what the kernel asks of its
    modules, or None where only its `release` is known. InputError names the first module of another one.
    """
    names = list(wanted)
    known = builtin | (directory.builtin or frozenset())
    contents: dict[str, bytes] = {}
    dependencies: dict[str, tuple[str, ...]] = {}
    left = [name for name in names if name in directory.files]
    for _ in range(_ROUNDS):
        for name in left:
            contents[name] = _read(directory.files[name])
            _check(directory.files[name], contents[name], vermagic, release)
            dependencies[name] = kmod.depends(contents[name])
        needed = {other for name in left for other in dependencies[name]}
        left = sorted(name for name in needed - contents.keys() if name in directory.files)
        if not left:
            break
    order, missing = kmod.load_order(names, dependencies, known)
    lacking = missing - set(names)
    if lacking:
        raise InputError(
            f"modules below {directory.path} need others that are not there: {', '.join(sorted(lacking))}",
            hint=f"are they built in? Then {BUILTIN_FILE} of the same build says so",
        )
    return GivenModules({name: contents[name] for name in order}, tuple(order), frozenset(missing))


def _read(path: Path) -> bytes:
    return kmod.decompress(str(path), read_bounded(path, _LIMIT_BYTES, what="module"))


def _check(path: Path, module: bytes, vermagic: str | None, release: str) -> None:
    """As the kernel does (same_magic in kernel/module/version.c), but to fail before anything boots."""
    own = kmod.vermagic(module)
    if own is None:
        raise InputError(f"{path} is no kernel module", hint="is the file whole?")
    wanted = vermagic or release
    with_checksums = vermagic is not None and "modversions" in vermagic.split()
    # With checksums of symbols the kernel compares those, and leaves the release out.
    there, asked = (_flags(own), _flags(wanted)) if with_checksums else (own, wanted)
    if there != asked if vermagic is not None else own.split(" ")[0] != release:
        raise InputError(
            f"{path} is of another kernel: it says '{own}', the image '{wanted}'",
            hint="give the modules of the same build as the image",
        )


def _flags(vermagic: str) -> str:
    return vermagic.partition(" ")[2].strip()


def _names(path: Path) -> frozenset[str]:
    return frozenset(map(kmod.module_name, _text(path).split()))


def _text(path: Path) -> str:
    return read_bounded(path, 16 * MIB).decode("utf-8", errors="replace")
