# SPDX-License-Identifier: Apache-2.0
"""A run as a submission to KCIDB, the common database of kernel test results.

Its schema is version 5.3 of the `kcidb-io` package (`kcidb_io/schema/v05_03.py`): a source with its patches
is a checkout, what a variant's guests were made of a build, a trial or a figure a test. Identifiers follow
from the run alone: a submission that is sent again replaces what is there, and adds nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import InputError
from orchestrator.kernels.manifest import ArtefactManifest, PatchFile, VariantArtefacts
from orchestrator.record.result import TrialResult
from orchestrator.report.formats.cases import ReportCase, Suite, evidence_of, suites_of, summary_of
from orchestrator.report.formats.gbench import BenchmarkFigure, figures_by_name
from orchestrator.report.rows import device_lines, few, headline, sample_line, warnings
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import json_plain, one_line
from orchestrator.units import format_size
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Conclusion

SCHEMA_VERSION = {"major": 5, "minor": 3}
DEFAULT_ORIGIN = "oomlab"
_ORIGIN = re.compile(r"[a-z0-9_]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NO_PATH = re.compile(r"[^A-Za-z0-9_-]+")
_NS_PER_S = 1e9
_MOST_OF_A_LOG = 16384
"""Characters of evidence with a test: the schema has a size for none, its database one for all."""


def render_kcidb(report: JudgedRun, origin: str = DEFAULT_ORIGIN) -> str:
    """The JSON text. InputError where `origin` is no name that KCIDB gives to a CI system."""
    if not _ORIGIN.fullmatch(origin):
        raise InputError(
            f"'{one_line(origin)}' is no origin", hint="small letters, digits and _, as KCIDB assigned it"
        )
    writer = _Writer(report, origin)
    sources = [_source(report, name) for name in report.manifest.scenario.variants]
    document = {
        "version": SCHEMA_VERSION,
        "checkouts": _each_once(map(writer.checkout, sources)),
        "builds": _each_once(map(writer.build, sources)),
        "tests": [test for source in sources for test in writer.tests(source)],
    }
    return json_plain(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def _each_once(objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Variants that differ in settings alone, and twins, have their source in common."""
    return list({each["id"]: each for each in objects}.values())


@dataclass(frozen=True)
class _Source:
    """What one variant's guests were made of; `made` is None where the run has no record of it."""

    variant: str
    made: ArtefactManifest | None
    own: VariantArtefacts | None

    @property
    def patches(self) -> tuple[PatchFile, ...]:
        compiled = self.made.built.patches if self.made is not None and self.made.built is not None else ()
        return compiled + (self.own.patches if self.own is not None else ())

    @property
    def patchset_hash(self) -> str:
        """As the schema has it: of the patches' checksums, a line each; empty without patches."""
        sums = "".join(f"{patch.sha256}\n" for patch in self.patches)
        return hashlib.sha256(sums.encode()).hexdigest() if sums else ""

    @property
    def words(self) -> str:
        made = self.made
        if made is None:
            return "of a kernel that the run has no record of"
        tree = made.built.words if made.built is not None else f"{made.base} {made.release}"
        patches = ", ".join(patch.name for patch in self.patches)
        return one_line(f"{tree} with {patches}" if patches else tree)

    @property
    def misc(self) -> dict[str, Any]:
        """What identifies the source of a kernel that is no commit of a repository."""
        made = self.made
        if made is None:
            return {}
        packages = {
            package.name: {"version": package.version, "sha256": package.sha256} for package in made.packages
        }
        found: dict[str, Any] = {"base": made.base, "packages": packages}
        if made.built is not None:
            found |= {"source_sha256": made.built.source_sha256, "uncommitted_changes": made.built.dirty}
        if made.given is not None:
            found["image_sha256"] = made.given.image_sha256
        found["patches"] = {patch.name: patch.sha256 for patch in self.patches}
        return found


def _source(report: JudgedRun, variant: str) -> _Source:
    made = report.manifest.artefacts_of(variant)
    own_name = report.manifest.scenario.variants[variant].twin_of or variant
    drivers = made.variants if made is not None else ()
    return _Source(variant, made, next((each for each in drivers if each.name == own_name), None))


@dataclass(frozen=True)
class _Writer:
    report: JudgedRun
    origin: str

    def checkout(self, source: _Source) -> dict[str, Any]:
        common = {"id": self._checkout_id(source), "origin": self.origin, "comment": source.words}
        if source.made is None:
            return common
        built = source.made.built
        commit = built.commit if built is not None and built.commit else ""
        return {
            **common,
            **({"git_commit_hash": commit} if _COMMIT.fullmatch(commit) else {}),
            "patchset_hash": source.patchset_hash,
            "valid": True,
            "misc": source.misc,
        }

    def build(self, source: _Source) -> dict[str, Any]:
        made, own = source.made, source.own
        common = {
            "id": self._build_id(source), "checkout_id": self._checkout_id(source), "origin": self.origin,
            "comment": source.words,
        }  # fmt: skip
        if made is None:
            return common
        compiler = own.compiler if own is not None and own.compiler else made.built and made.built.compiler
        return {
            **common,
            "architecture": made.arch,
            "config_name": one_line(made.built.config) if made.built is not None else made.base,
            **({"compiler": one_line(compiler)} if compiler else {}),
            "status": "PASS",
            "misc": {
                "release": made.release, "page_size_bytes": made.page_size_bytes,
                "kernel_sha256": made.kernel_sha256, "initramfs_sha256": made.initramfs_sha256,
                "module_sha256": own.module_sha256 if own is not None and own.module_sha256 else "",
            },
        }  # fmt: skip

    def _told(self, variant: str) -> dict[str, str]:
        """Variants that differ in settings alone are of one build: what they were told tells them apart."""
        words = self.report.manifest.scenario.variants[variant].settings_words
        return {"variant": variant, **({"settings": one_line(words)} if words else {})}

    def tests(self, source: _Source) -> Iterator[dict[str, Any]]:
        """One for each trial of the variant, one for each figure."""
        for suite in suites_of(self.report):
            if suite.variant == source.variant:
                yield from (self._trial(source, suite, case) for case in suite.cases)
        for name, figures in figures_by_name(self.report, source.variant).items():
            for block in sorted({figure.block for figure in figures}):
                yield self._figure(source, name, block, [each for each in figures if each.block == block])

    def _trial(self, source: _Source, suite: Suite, case: ReportCase) -> dict[str, Any]:
        result = case.result
        told = summary_of(result) if result is not None else case.error or ""
        test = self._test(source, "trial", f"{suite.name}, {case.name}") | {
            "status": _status(case),
            "comment": one_line(f"{case.name}: {case.skipped or told}"),
        }
        if result is not None:
            test |= {"duration": result.host_seconds, "misc": _facts(result)}
        if not case.passed:
            test["log_excerpt"] = "\n".join(map(one_line, evidence_of(self.report, case)))[-_MOST_OF_A_LOG:]
        return test

    def _figure(
        self, source: _Source, name: str, block: int, figures: Sequence[BenchmarkFigure]
    ) -> dict[str, Any]:
        """The median over the forks of a block: those share a boot, and are no samples."""
        test = self._test(source, f"benchmark.{_word(name)}", f"{name}, block {block}")
        times_ns = [figure.real_ns for figure in figures if figure.error is None]
        comment = f"{name}, block {block}: guest time of one iteration"
        if not times_ns:
            why = next(figure.error for figure in figures)
            return test | {"status": "ERROR", "comment": one_line(f"{comment}: {why}")}
        number = {"value": statistics.median(times_ns) / _NS_PER_S, "unit": "s", "prefix": "metric"}
        return test | {"status": "DONE", "comment": one_line(comment), "number": number}

    def _test(self, source: _Source, path: str, key: str) -> dict[str, Any]:
        manifest = self.report.manifest
        return {
            "id": self._id("test", *self._run, source.variant, path, key),
            "build_id": self._build_id(source),
            "origin": self.origin,
            "path": f"oomlab.{_word(self.report.verdict.scenario)}.{path}",
            "start_time": manifest.started.astimezone().isoformat(timespec="seconds"),
            "environment": {
                "comment": self._environment,
                "misc": {**self._told(source.variant), **self._misc},
            },
        }

    @property
    def _run(self) -> tuple[str, ...]:
        manifest = self.report.manifest
        return manifest.started.isoformat(), manifest.scenario.model_dump_json()

    @property
    def _environment(self) -> str:
        device = self.report.manifest.scenario.device
        what = f"virtual device ({device.backend}), {device.arch}, {format_size(device.memory)}"
        return f"{what}, {count_of('CPU', device.cpus)}"

    @property
    def _misc(self) -> dict[str, Any]:
        """Whether times of two runs may be compared hangs on these."""
        passes = self.report.verdict.passes
        conclusion: Conclusion = self.report.verdict.conclusion
        verdict = self.report.verdict
        said = {
            "foremost": verdict.foremost,
            "warnings": [*device_lines(verdict), *warnings(verdict)],
            "missing": few([*verdict.advice, *verdict.missing]),
        }
        return {
            "oomlab_version": self.report.manifest.oomlab_version,
            "conclusion": conclusion.value,
            "verdict": one_line(headline(verdict)),
            **{name: [one_line(line) for line in lines] for name, lines in said.items() if lines},
            "samples": {each.clock: one_line(sample_line(each).partition("\n")[0]) for each in passes},
            "accelerators": {each.clock: each.accelerator for each in passes},
            "cpu_models": {each.clock: each.cpu_model for each in passes},
        }

    def _checkout_id(self, source: _Source) -> str:
        return self._id("checkout", json.dumps(source.misc, sort_keys=True), source.words)

    def _build_id(self, source: _Source) -> str:
        if source.made is None:
            return self._id("build", *self._run, source.variant)
        own = source.own.model_dump_json(exclude={"name"}) if source.own is not None else ""
        return self._id("build", source.made.model_dump_json(exclude={"variants"}), own)

    def _id(self, kind: str, *parts: str) -> str:
        digest = hashlib.sha256("\0".join((kind, *parts)).encode()).hexdigest()
        return f"{self.origin}:{digest[:32]}"


def _status(case: ReportCase) -> str:
    if case.failures:
        return "FAIL"
    if case.error is not None:
        return "MISS" if case.result is None else "ERROR"
    return "DONE" if case.skipped is not None else "PASS"


def _facts(result: TrialResult) -> dict[str, Any]:
    facts: dict[str, Any] = {"outcome": str(result.outcome), "clock": result.clock, "stage": result.stage}
    if result.requests is not None:
        requests = result.requests
        facts |= {"requests": requests.planned, "requests_succeeded": requests.succeeded}
    return facts


def _word(text: str) -> str:
    """A step of a path: letters, digits, _ and -."""
    return _NO_PATH.sub("_", text).strip("_") or "unnamed"
