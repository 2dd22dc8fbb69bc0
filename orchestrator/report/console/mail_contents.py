# SPDX-License-Identifier: Apache-2.0
"""The contents of a mail as text for people."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.mail.contents import Contents
from orchestrator.mail.grid import Grid
from orchestrator.mail.grid_comparison import GridComparison
from orchestrator.mail.series import listed, missing_words
from orchestrator.mail.table import MailTable
from orchestrator.mail.table_comparison import RowPair, TableComparison, one_way_mb_s
from orchestrator.oom.explain import explain
from orchestrator.patch_review.applicability import Kind
from orchestrator.patch_review.bases import Checked
from orchestrator.patch_review.building import CONFIG, Building, Way
from orchestrator.patch_review.review import Review, Reviewed, Style
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import one_line

_MAX_SHOWN = 50
_MEAN = "geometric mean"
_NAME_WIDTH = 60


def page(contents: Contents, result: Review) -> Iterator[str]:
    """Lines, without markup; what is not plain in the mail is shown by name."""
    yield from map(one_line, _lines(contents, result))


def _lines(contents: Contents, result: Review) -> Iterator[str]:
    for message in contents.messages[:_MAX_SHOWN]:
        if message.subject:
            yield f"Mail: {message.subject}"
        if message.undone:
            yield f"  undone: {', '.join(message.undone)}"
    yield from _reports(contents)
    yield from _tables(contents)
    yield from _patches(result)
    yield from (f"  {item.sentence}" for item in contents.leftovers[:_MAX_SHOWN])


def _reports(contents: Contents) -> Iterator[str]:
    yield ""
    yield f"OOM reports: {len(contents.reports) or 'none'}"
    for file, event in list(zip(contents.report_files, contents.reports, strict=True))[:_MAX_SHOWN]:
        yield f"  {f'{file}, ' if file else ''}line {event.line}: {event.type}"
        yield from (f"    {line}" for line in explain(event))


def _tables(contents: Contents) -> Iterator[str]:
    yield ""
    yield f"Benchmark tables: {len(contents.tables) + len(contents.grids) or 'none'}"
    for table in contents.tables[:_MAX_SHOWN]:
        yield from _table(table)
    yield from map(_grid, contents.grids[:_MAX_SHOWN])
    for comparison in contents.comparisons[:_MAX_SHOWN]:
        yield ""
        yield from _comparison(comparison)
    for compared in contents.grid_comparisons[:_MAX_SHOWN]:
        yield ""
        yield from _columns_compared(compared)


def _table(table: MailTable) -> Iterator[str]:
    title = f", after '{table.title}'" if table.title else ""
    yield f"  line {table.line}: {table.label or 'no label'}{title}, {count_of('row', len(table.rows))}"


def _grid(grid: Grid) -> str:
    units = [column.unit or ("" if column.role == "change" else grid.unit) for column in grid.columns]
    pairs = zip(grid.columns, units, strict=True)
    named = (f"{column.name} ({unit})" if unit else column.name for column, unit in pairs)
    title = f"{grid.title}, " if grid.title else ""
    return f"  line {grid.line}: {title}{count_of('row', len(grid.rows))} of {', '.join(named)}"


def _columns_compared(item: GridComparison) -> Iterator[str]:
    yield f"  {item.changed} against {item.base} ({item.how}); {item.why}"
    names = [_MEAN, *(f"{row.name} ({row.unit})" if row.unit else row.name for row in item.rows)]
    width = min(max(map(len, names)), _NAME_WIDTH)
    yield f"  {'':{width}} {'base':>14} {'changed':>14}  changed / base"
    for name, row in list(zip(names[1:], item.rows, strict=True))[:_MAX_SHOWN]:
        ratio = f"{row.ratio:.3f}" if row.ratio is not None else "-"
        values = f"{row.base:14g} {row.changed:14g}  {ratio:>14}"
        yield f"  {name[:width]:{width}} {values}  {row.verdict}".rstrip()
    if item.mean is not None:
        yield f"  {_MEAN:{width}} {'':14} {'':14}  {item.mean:14.3f}"


def _comparison(item: TableComparison) -> Iterator[str]:
    yield f"  {item.changed} against {item.base} ({item.how}); above 1 means that {item.changed} is faster"
    width = min(max(len(name) for name in [_MEAN, *(pair.name for pair in item.pairs)]), _NAME_WIDTH)
    yield f"  {'':{width}}   Time    CPU  Iterations  printed  one way MB/s {item.changed} / {item.base}"
    for pair in item.pairs[:_MAX_SHOWN]:
        yield _row_compared(pair, width)
    yield (
        f"  {_MEAN:{width}}  {item.time_mean:5.3f}  {item.cpu_mean:5.3f}  {'':10} {_ratio(item.printed_mean)}"
    )
    for warning in item.warnings:
        yield f"  warning: {warning}"


def _row_compared(pair: RowPair, width: int) -> str:
    """One benchmark of both tables: how many times faster by each column, and the throughput of each."""
    rates = [one_way_mb_s(row) for row in (pair.changed, pair.base)]
    throughput = " / ".join(f"{rate:.1f}" if rate else "-" for rate in rates)
    return (
        f"  {pair.name[:width]:{width}}  {pair.time_ratio:5.3f}  {pair.cpu_ratio:5.3f}  "
        f"{pair.iterations_ratio:10.3f} {_ratio(pair.printed_ratio)}  {throughput}"
    )


def _ratio(value: float | None) -> str:
    """The column of what the table itself prints, which not every table has."""
    return f"{value:8.3f}" if value else f"{'-':>8}"


def _patches(result: Review) -> Iterator[str]:
    yield ""
    yield f"Patches: {len(result.patches) or 'none'}"
    yield from _series(result)
    for item in result.patches[:_MAX_SHOWN]:
        yield from _patch(item)
    for failure in result.failures:
        yield f"  not checked: {failure}"


def _series(result: Review) -> Iterator[str]:
    """Which patches are one change, in the order in which they are applied."""
    for group in result.arranged.groups:
        if group.total or len(group.numbers) > 1:
            words = missing_words(group)
            yield f"  series {group.name}: patches {listed(group.numbers)}{f'; {words}' if words else ''}"
    for group in result.arranged.older:
        yield f"  {group.name}: patches {listed(group.numbers)}, replaced by a newer version"


def _patch(item: Reviewed) -> Iterator[str]:
    patch = item.patch
    paths = ", ".join(dict.fromkeys(file.path for file in patch.files))
    quoted = f", quoted {patch.depth} deep" if patch.depth else ""
    hunks = sum(len(file.hunks) for file in patch.files)
    yield f"  {item.number}. {patch.place}{quoted}: {patch.subject or 'no subject'}"
    yield f"     {count_of('hunk', hunks)}, +{len(patch.added)} -{len(patch.removed)}: {paths[:500]}"
    yield from (f"     note: {note}" for note in item.notes)
    for checked in item.checked:
        yield from _checked(checked)
    for style in item.style:
        yield from _style(style)


def _checked(checked: Checked) -> Iterator[str]:
    verdict = checked.verdict
    already = verdict.kind is Kind.ALREADY
    follows = f", after patch {listed(checked.follows)}" if checked.follows and not already else ""
    reverse = "; its reverse is offered, to compare with" if already else ""
    yield f"     {checked.base}: {verdict.kind.value}{follows}{reverse}"
    yield from (f"       - {remark}" for remark in verdict.remarks[:_MAX_SHOWN])
    yield from _building(checked.building)


def _building(building: Building) -> Iterator[str]:
    """How a variant with it is built, where that is not the driver alone."""
    if building.way is Way.WHOLE:
        options = f", options: {{{', '.join(f'{name}: y' for name in building.options)}}}"
        config = f"config: {CONFIG}{options if building.options else ''}"
        yield f"       to run it: base: {{source: {building.source}, {config}}}"
    elif building.way is Way.NOTHING:
        yield "       nothing to run"
    yield from (f"         {remark}" for remark in building.remarks)


def _style(style: Style) -> Iterator[str]:
    name = f"checkpatch --strict of {style.base}"
    if style.failure:
        yield f"     {name}: not run: {style.failure}"
        return
    yield f"     {name}: {count_of('finding', len(style.warnings)) if style.warnings else 'no findings'}"
    for warning in style.warnings[:_MAX_SHOWN]:
        level = warning.level if warning.judgeable else "not judgeable: restored"
        yield f"       - {warning.path}:{warning.line}: {level}: {warning.text} ({warning.kind})"
