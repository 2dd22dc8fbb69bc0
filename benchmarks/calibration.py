# SPDX-License-Identifier: Apache-2.0
"""Do the statistics raise false alarms as often as they say, and find what is there?

    python -m benchmarks.calibration RUN [--redraws N] [--pool FILE]

RUN is a finished run with a variant and its twin (`oomlab run benchmarks/calibration.yaml`), or a pool that
an earlier call wrote with `--pool`. Blocks are redrawn from it without replacement, and in each block the
labels of the twins are permuted, so that no difference can be there: whatever the comparison of a
verdict then claims is a false alarm. With the other variants it counts how often their differences are found.
What is not paired (cold trials, different kernels) is drawn from blocks of which no two are the same.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from rich.console import Console

from orchestrator.analysis.inference import LEVEL, fisher_p, mcnemar_p
from orchestrator.analysis.records import TimingComparison
from orchestrator.analysis.samples import TimingKey, evident, timed
from orchestrator.analysis.timings import Pair, compare_timings
from orchestrator.record.directory import open_run_directory
from orchestrator.record.journal import read_journal, trial_results
from orchestrator.record.manifest import RunManifest
from orchestrator.report.tables import PlainTable

SIZES = (6, 8, 10, 12, 20, 30)
"""Numbers of blocks that are tried."""
_NAMES = ("one", "other")
_STATISTICS = ("real_time", "p50")
_PERCENT = 100


class Pool(BaseModel):
    """Every block's figures, in ns, by timing (`mmap trigger p50`) and variant; blocks in one order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    baseline: str
    twin: str
    figures: dict[str, dict[str, tuple[int, ...]]]

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(next(iter(self.figures.values()))[self.baseline])

    @property
    def others(self) -> list[str]:
        """Variants that are not the baseline's twin."""
        return [name for name in next(iter(self.figures.values())) if name not in (self.baseline, self.twin)]

    def text(self) -> str:
        """As JSON, a line for each timing and variant."""
        head = json.dumps({"about": self.about, "baseline": self.baseline, "twin": self.twin})[1:-1]
        timings = ",\n".join(
            f"{json.dumps(timing)}: {{\n"
            + ",\n".join(f"{json.dumps(name)}: {list(times_ns)}" for name, times_ns in variants.items())
            + "}"
            for timing, variants in self.figures.items()
        )
        return f'{{{head}, "figures": {{\n{timings}}}}}\n'

    def logs(self, variant: str) -> dict[TimingKey, list[float]]:
        """Logarithms of one variant's figures by timing, in the order of the blocks."""
        return {
            TimingKey(*timing.split(" ")): [math.log(time_ns) for time_ns in variants[variant]]  # type: ignore[arg-type]
            for timing, variants in self.figures.items()
        }


@dataclass(frozen=True)
class Alarms:
    """Shares of redraws of `blocks` blocks in which a test spoke up.

    All are of the first timing, but `family`: any claim among the sizes of one benchmark, after Holm.
    """

    blocks: int
    redraws: int
    test: float
    interval: float
    claim: float
    family: float
    unpaired: float
    unpaired_interval: float
    unpaired_claim: float
    outcome: float
    outcome_unpaired: float


@dataclass(frozen=True)
class Found:
    """What redraws of `blocks` blocks say of one variant with a difference; percent."""

    variant: str
    timing: TimingKey
    paired: bool
    blocks: int
    whole_percent: float
    median_percent: float
    claimed: float
    covered: float


def pool_of(run: Path) -> Pool:
    """The pool of a finished run; raises OomlabError when there is none in `run`."""
    directory = open_run_directory(run)
    manifest = directory.load(directory.manifest, RunManifest)
    variants = manifest.scenario.variants
    twin, baseline = next((name, each.twin_of) for name, each in variants.items() if each.twin_of)
    trials = trial_results(read_journal(directory.journal))
    found = {name: timed(evident(trials, name)) for name in variants}
    shared = set.intersection(*(set(each) for each in found.values()))
    keys = [key for key in found[baseline or ""] if key in shared and key.statistic in _STATISTICS]
    blocks = sorted(set.intersection(*(set(each[key].log_ns) for each in found.values() for key in keys)))
    figures = {
        " ".join(key): {
            name: tuple(round(math.exp(each[key].log_ns[block])) for block in blocks)
            for name, each in found.items()
        }
        for key in keys
    }
    about = f"{manifest.scenario.name}, {len(blocks)} blocks, {manifest.started:%Y-%m-%d}, ns"
    return Pool(about=about, baseline=baseline or "", twin=twin, figures=figures)


def redrawn(pool: Pool, variant: str, blocks: int, dice: random.Random, *, permute: bool) -> list[Pair]:
    """`blocks` blocks of the baseline and `variant`; permuted, a toss swaps the two in each block."""
    chosen = dice.sample(range(pool.blocks), blocks)
    turned = [permute and dice.random() < 0.5 for _ in chosen]
    return list(_pairs(pool, variant, chosen, turned))


def _pairs(pool: Pool, variant: str, chosen: Sequence[int], turned: Sequence[bool]) -> Iterator[Pair]:
    ours, theirs = pool.logs(pool.baseline), pool.logs(variant)
    for key in ours:
        sides = [
            (theirs[key][block], ours[key][block]) if turn else (ours[key][block], theirs[key][block])
            for block, turn in zip(chosen, turned, strict=True)
        ]
        one, other = zip(*sides, strict=True)
        yield Pair(key, one, other, (1.0, 1.0), paired=True)


def unpaired(pool: Pool, variant: str, blocks: int, dice: random.Random) -> list[Pair]:
    """Draws of the baseline and `variant` without a block in common, as of cold trials or other kernels."""
    chosen = dice.sample(range(pool.blocks), 2 * blocks)
    theirs = pool.logs(variant)
    return [
        Pair(
            key,
            tuple(logs[block] for block in chosen[:blocks]),
            tuple(theirs[key][block] for block in chosen[blocks:]),
            (1.0, 1.0),
            paired=False,
        )
        for key, logs in pool.logs(pool.baseline).items()
    ]


def claims(timing: TimingComparison, p: float | None) -> bool:
    """What a sentence of the report calls a difference, by this p."""
    return p is not None and p <= LEVEL and _outside(timing)


def _outside(timing: TimingComparison) -> bool:
    return timing.low is not None and timing.high is not None and not timing.low <= 1 <= timing.high


def false_alarms(pool: Pool, blocks: int, redraws: int, seed: int) -> Alarms:
    """How often nothing is taken for something; 2 * blocks blocks must be in the pool."""
    dice = random.Random(seed)
    rows = [_alarm(pool, blocks, dice) for _ in range(redraws)]
    shares = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    return Alarms(blocks, redraws, *shares)


def _alarm(pool: Pool, blocks: int, dice: random.Random) -> tuple[bool, ...]:
    found = redrawn(pool, pool.twin, blocks, dice, permute=True)
    first = compare_timings(_NAMES, found[:1], "realtime")[0]
    family = compare_timings(_NAMES, _largest_family(found), "realtime")
    apart = compare_timings(_NAMES, unpaired(pool, pool.baseline, blocks, dice)[:1], "realtime")[0]
    return (
        first.p is not None and first.p <= LEVEL,
        _outside(first),
        claims(first, first.p),
        any(claims(timing, timing.p_holm) for timing in family),
        apart.p is not None and apart.p <= LEVEL,
        _outside(apart),
        claims(apart, apart.p),
        _outcome_alarm(found[0]),
        _unpaired_outcome_alarm(pool, blocks, dice),
    )


def _largest_family(found: Sequence[Pair]) -> list[Pair]:
    families: dict[tuple[str, str, str], list[Pair]] = {}
    for pair in found:
        families.setdefault(pair.key.family, []).append(pair)
    return max(families.values(), key=len)


def _outcome_alarm(pair: Pair) -> bool:
    """An outcome made of the times: a block "has" it above the median of all figures."""
    limit = statistics.median(pair.baseline + pair.candidate)
    had = [(ours > limit, theirs > limit) for ours, theirs in zip(pair.baseline, pair.candidate, strict=True)]
    return mcnemar_p(had.count((True, False)), had.count((False, True))) <= LEVEL


def _unpaired_outcome_alarm(pool: Pool, blocks: int, dice: random.Random) -> bool:
    pair = unpaired(pool, pool.baseline, blocks, dice)[0]
    limit = statistics.median(pool.logs(pool.baseline)[pair.key])
    one, other = (sum(log > limit for log in side) for side in (pair.baseline, pair.candidate))
    return fisher_p((one, blocks - one), (other, blocks - other)) <= LEVEL


def found_differences(
    pool: Pool, variant: str, blocks: int, redraws: int, seed: int, *, paired: bool = True
) -> Found:
    """How often a difference that is there is claimed, and how large it is said to be (first timing)."""
    dice = random.Random(seed)
    drawn = (
        redrawn(pool, variant, blocks, dice, permute=False)
        if paired
        else unpaired(pool, variant, blocks, dice)
        for _ in range(redraws)
    )
    timings = [compare_timings(_NAMES, found[:1], "realtime")[0] for found in drawn]
    whole = redrawn(pool, variant, pool.blocks, dice, permute=False)[0]
    truth = math.exp(statistics.fmean(whole.figures.differences))
    return Found(
        variant=variant,
        timing=whole.key,
        paired=paired,
        blocks=blocks,
        whole_percent=(truth - 1) * _PERCENT,
        median_percent=(statistics.median(timing.ratio for timing in timings) - 1) * _PERCENT,
        claimed=statistics.fmean(claims(timing, timing.p) and timing.ratio > 1 for timing in timings),
        covered=statistics.fmean(
            timing.low is not None and timing.high is not None and timing.low <= truth <= timing.high
            for timing in timings
        ),
    )


def _share(share: float) -> str:
    return f"{share * _PERCENT:.1f} %"


def _alarm_table(rows: Sequence[Alarms]) -> PlainTable:
    table = PlainTable("blocks", "sign flips", "interval", "claim", "family, Holm", "labels", "Welch",
                  "claim, not paired", "McNemar", "Fisher",
                  title=f"False alarms at {LEVEL:.0%}, {rows[0].redraws} redraws")  # fmt: skip
    for row in rows:
        shares = (row.test, row.interval, row.claim, row.family, row.unpaired, row.unpaired_interval,
                  row.unpaired_claim, row.outcome, row.outcome_unpaired)  # fmt: skip
        table.add_row(str(row.blocks), *map(_share, shares))
    return table


def _found_table(rows: Sequence[Found]) -> PlainTable:
    table = PlainTable(
        "variant", "timing", "paired", "blocks", "whole pool", "median", "claimed", "in the interval"
    )
    for row in rows:
        table.add_row(
            row.variant, " ".join(row.timing), "yes" if row.paired else "no", str(row.blocks),
            f"{row.whole_percent:+.1f} %", f"{row.median_percent:+.1f} %", _share(row.claimed),
            _share(row.covered),
        )  # fmt: skip
    return table


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path)
    parser.add_argument("--redraws", type=int, default=2000)
    parser.add_argument("--pool", type=Path, help="write the figures of the blocks here")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    pool = (
        Pool.model_validate_json(options.run.read_text()) if options.run.is_file() else pool_of(options.run)
    )
    if options.pool:
        options.pool.write_text(pool.text())
    console = Console(width=100)
    console.print(pool.about)
    sizes = [blocks for blocks in SIZES if 2 * blocks <= pool.blocks]
    alarms = []
    for blocks in sizes:
        alarms.append(false_alarms(pool, blocks, options.redraws, options.seed))
        Console(stderr=True).print(alarms[-1])
    console.print(_alarm_table(alarms))
    redraws = max(1, options.redraws // 4)
    found = [
        found_differences(pool, variant, blocks, redraws, options.seed, paired=paired)
        for variant in pool.others
        for paired in (True, False)
        for blocks in sizes
    ]
    console.print(_found_table(found))


if __name__ == "__main__":
    main()
