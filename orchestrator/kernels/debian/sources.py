# SPDX-License-Identifier: Apache-2.0
"""The Debian archives that this host's package sources name, or the mirror that the user names.

What is *configured* counts, not what has been fetched: a fresh host has package lists of some of its
suites or of none. Formats: sources.list(5), both of them.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.host import programs
from orchestrator.host.process import find_program, run

KEYRING = Path(programs.KEYRING)
MIRROR_VARIABLE = "OOMLAB_MIRROR"
NO_DEBIAN_HINT = (
    f"name a Debian archive, {MIRROR_VARIABLE}=URI or --mirror URI; without apt use the Vagrantfile"
)

_QUERY_S = 60.0
_POCKETS = ("", "updates", "security", "backports")
_ALIASES = frozenset(("oldoldstable", "oldstable", "stable", "testing", "unstable", "sid"))
_ORIGINS = frozenset(("Debian", "Debian Backports"))
_ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)"
)
_FILE_NAME = re.compile(r"[A-Za-z0-9_.-]+\.(list|sources)")
_DEBIAN_PATH = re.compile(r"/debian(-security)?(\.(list|txt))?$")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+", re.ASCII)
# What says how an archive is trusted and reached. The rest of an entry says what is wanted of it.
_KEPT_OPTIONS = frozenset((
    "trusted", "check-valid-until", "valid-until-min", "valid-until-max", "check-date", "date-max-future",
    "allow-insecure", "allow-weak", "allow-downgrade-to-insecure", "by-hash", "snapshot",
))  # fmt: skip


@dataclass(frozen=True)
class Archive:
    """One archive: its pockets ("" is the release itself), how it is trusted, and where it is named.

    `signed_by` is as in a sources file; empty leaves it to the keys that the host trusts for all.
    """

    uri: str
    pockets: frozenset[str]
    where: str
    signed_by: str = ""
    options: tuple[tuple[str, str], ...] = ()

    def has(self, suite: str) -> bool:
        """Whether `suite` is to be looked for here. Backports lie beside every release."""
        pocket = pocket_of(suite)
        return pocket in self.pockets or (pocket == "backports" and "" in self.pockets)


@dataclass(frozen=True)
class Entry:
    """One suite of one URI as a sources file names it."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: Mapping[str, str]
    where: str


def pocket_of(suite: str) -> str:
    """What follows the release's name: `security` of `bookworm-security`."""
    return suite.partition("-")[2]


def parse_list(text: str, name: str) -> list[Entry]:
    """The entries of a file in the format of one line each; `name` is the file's."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match is not None:
            pairs = (option.partition("=") for option in (match["options"] or "").split())
            options = {key.rstrip("+-").lower(): value for key, _, value in pairs}
            components = tuple(match["components"].split())
            entries.append(Entry(match["uri"], match["suite"], components, options, f"{name}:{number}"))
    return entries


def parse_deb822(text: str, name: str) -> list[Entry]:
    """The entries of a file of stanzas; `name` is the file's."""
    entries = []
    for number, fields in _stanzas(text):
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "without", "off", "disable"):
            continue
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                entries.append(Entry(uri, suite, components, fields, f"{name}:{number}"))
    return entries


def _stanzas(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The stanzas with the number of their first line; names in lower case, lines joined by newlines."""
    fields: dict[str, str] = {}
    first, name = 0, ""
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield first, fields
            fields = {}
        elif line[0] in " \t":
            if name in fields:
                fields[name] += f"\n{line.strip()}"
        else:
            first = first if fields else number
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()


def debian_archives(
    entries: Iterable[Entry], origins: Mapping[str, frozenset[str]], host_release: str
) -> list[Archive]:
    """Debian's archives among `entries`.

    `origins` is what fetched lists say of a URI (without its last slash). Before a host's first `apt-get
    update` they say nothing: then the key speaks, or the path. A mirror with neither is believed on a
    Debian host alone, when it has the host's own release (`host_release`): its signature will tell.
    """
    sure: dict[tuple[object, ...], Archive] = {}
    likely: dict[tuple[object, ...], Archive] = {}
    for entry in entries:
        release, _, pocket = entry.suite.partition("-")
        uri = entry.uri.rstrip("/")
        if "main" not in entry.components or pocket not in _POCKETS or uri.startswith("cdrom:"):
            continue
        signed_by = entry.options.get("signed-by", "")
        origin = origins.get(uri)
        if bool(origin & _ORIGINS) if origin else _names_debian(uri, signed_by):
            found = sure
        elif not origin and host_release and release in (host_release, *_ALIASES):
            found = likely
        else:
            continue
        options = tuple(sorted((key, text) for key, text in entry.options.items() if key in _KEPT_OPTIONS))
        key = (uri, signed_by, options)
        known = found.get(key)
        pockets = (known.pockets if known else frozenset()) | {pocket}
        found[key] = Archive(uri, pockets, known.where if known else entry.where, signed_by, options)
    return list((sure or likely).values())


def _names_debian(uri: str, signed_by: str) -> bool:
    if "/" in signed_by and "\n" not in signed_by:
        return "/debian-archive-" in signed_by
    return bool(_DEBIAN_PATH.search(uri))


def mirror_archives(setting: str) -> list[Archive]:
    """The archives of `OOMLAB_MIRROR`: a URI and, after a space, that of the security archive."""
    uris = setting.split()
    if len(uris) not in (1, 2) or not all(_URI.fullmatch(uri) for uri in uris):
        raise InputError(
            f"the mirror '{setting}' is not the URI of a Debian archive",
            hint=f"{MIRROR_VARIABLE} or --mirror is a URI as in a package source, and after a space "
            "that of the security archive, if there is one",
        )
    pockets = (frozenset({""}), frozenset({"security"}))
    return [
        Archive(uri.rstrip("/"), pocket, MIRROR_VARIABLE, str(KEYRING))
        for uri, pocket in zip(uris, pockets, strict=False)
    ]


def read_archives() -> list[Archive]:
    """The archives to fetch from: the mirror that the user names, else what the host has configured.

    Raises HostError when there is none, InputError for a mirror that is none.
    """
    setting = os.environ.get(MIRROR_VARIABLE, "").strip()
    if setting:
        return mirror_archives(setting)
    files = _source_files()
    archives = debian_archives(_read_entries(files), _fetched_origins(), _host_release())
    if not archives:
        raise HostError(
            "this host's package sources name no Debian archive",
            hint=NO_DEBIAN_HINT,
            evidence=[f"looked for the component main of a Debian release in {_names(files)}"],
        )
    return archives


def _names(files: Iterable[Path]) -> str:
    return ", ".join(map(str, files)) or "the files that apt reads, of which there are none"


def trusted_keys() -> list[Path]:
    """The files of keys that the host's apt trusts for archives that name none."""
    places = _apt_paths("Dir::Etc::trusted/f", "Dir::Etc::trustedparts/d")
    parts = [place for place in places[1].glob("*") if place.suffix in (".gpg", ".asc")]
    return [path for path in (places[0], *sorted(parts)) if path.is_file() and path.stat().st_size > 0]


def _source_files() -> list[Path]:
    main, parts = _apt_paths("Dir::Etc::sourcelist/f", "Dir::Etc::sourceparts/d")
    inside = [path for path in sorted(parts.glob("*")) if _FILE_NAME.fullmatch(path.name)]
    return [path for path in (main, *inside) if path.is_file()]


def _read_entries(files: Iterable[Path]) -> list[Entry]:
    entries: list[Entry] = []
    for path in files:
        parse = parse_deb822 if path.suffix == ".sources" else parse_list
        entries += parse(path.read_text(errors="replace"), str(path))
    return entries


def _fetched_origins() -> dict[str, frozenset[str]]:
    done = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"],
        deadline=Deadline.after(_QUERY_S, "the host's package lists"),
        check=False,
    )
    origins: dict[str, frozenset[str]] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        uri, _, origin = line.rpartition("/ ")
        if uri and origin and not origin.startswith("$"):
            origins[uri] = origins.get(uri, frozenset()) | {origin}
    return origins


def _host_release() -> str:
    """The code name of a Debian host, empty on others."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    return release.get("VERSION_CODENAME", "") if release["ID"] == "debian" else ""


def _apt_paths(*names: str) -> list[Path]:
    """Paths of the host's apt configuration; `/f` or `/d` asks for the whole path (see apt-config(8))."""
    find_program("apt-config", hint=NO_DEBIAN_HINT)
    arguments = [text for number, name in enumerate(names) for text in (f"P{number}", name)]
    done = run(
        ["apt-config", "shell", *arguments], deadline=Deadline.after(_QUERY_S, "the configuration of apt")
    )
    found = dict(
        text.split("=", 1) for text in shlex.split(done.stdout.decode(errors="replace")) if "=" in text
    )
    return [Path(found.get(f"P{number}", "/nonexistent")) for number in range(len(names))]
