# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of the report reader and of what `oomlab oom` prints.

Atheris is no dependency of this project. A scratch environment for it, and a run of five minutes:

    python3 -m venv SCRATCH/venv
    SCRATCH/venv/bin/pip install atheris pydantic rich typer
    mkdir SCRATCH/found
    nice SCRATCH/venv/bin/python -m benchmarks.fuzz_oom -max_total_time=300 -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix=SCRATCH/ SCRATCH/found tests/data/consoles

Options are libFuzzer's own (`-help=1` lists them). New inputs go into the first directory; further ones are
only read. A failure leaves its input in a file: give that file as the only argument to see it again.

What is held: no exception, no line slower than `-timeout`, the same events however the bytes are cut,
at most a fixed number of events for the lines there are, and nothing printed but visible ASCII.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["orchestrator"]):
    from orchestrator.errors import InputError
    from orchestrator.logs.streams import read_files
    from orchestrator.oom.explain import explain
    from orchestrator.oom.reader import OomReader
    from orchestrator.oom.records import Event, MemoryEvent
    from orchestrator.report.console.oom_sinks import JsonSink, TextSink

# What reports are made of: libFuzzer puts these into its inputs, for it would not find them by chance.
_WORDS = """\
 invoked oom-killer: gfp_mask=0x
cc0(GFP_KERNEL|__GFP_ZERO), order=
: page allocation failure: order:
, mode:0x
: vmalloc error: size
oom_score_adj=
nodemask=(null),cpuset=/,mems_allowed=0
CPU: 1 PID: 7 Comm: a Not tainted 6.1.0 #1
Call trace:
out_of_memory+0x1/0x2
Mem-Info:
active_anon:1 inactive_anon:
Node 0 Normal free:1kB min:2kB low:3kB high:4kB
lowmem_reserve[]: 0 0
Normal: 1*4kB (UME) 0*8kB = 4kB
1 total pagecache pages
memory: usage 1kB, limit 1kB
Memory cgroup stats for /a:
Tasks in /a are going to be killed due to memory.oom.group set
oom-kill:constraint=CONSTRAINT_NONE,task=a,pid=1,uid=0
Out of memory: Killed process 1 (a) total-vm:1kB
Memory cgroup out of memory:
Kill process 1 (a) score 1 or sacrifice child
Out of memory and no killable processes...
Kernel panic - not syncing: System is deadlocked on memory
BUG: unable
lowmemorykiller: Killing 'a' (1), adj 900
[    1.000001] [T1]
> >
<4>
6,1,1,-;
\\x0a
#012
&#60;
""".splitlines()
_CUTS = 97
_MAGIC = (b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff")


def check(data: bytes) -> None:
    """One input; AssertionError when something does not hold."""
    whole = _read([data])
    cut = 1 + len(data) % _CUTS
    assert _read([data[start : start + cut] for start in range(0, len(data), cut)]) == whole
    assert len(whole) <= 1 + data.count(b"\n") + data.count(b"\\") + data.count(b"#012"), (
        "more events than lines"
    )
    memory_events = [event for event in whole if isinstance(event, MemoryEvent)]
    for event in memory_events:
        assert all(line.isascii() and line.isprintable() for line in explain(event)), "not printable"
    _check_command(data, len(memory_events))


def _check_command(data: bytes, events: int) -> None:
    """What the command makes of the same bytes; archives and UTF-16 hold other events than their bytes."""
    pages, objects = io.StringIO(), io.StringIO()
    for sink in (TextSink(pages, None), JsonSink(objects)):
        problems = read_files(["-"], io.BytesIO(data), sink)
        assert all(isinstance(problem, InputError) for problem in problems)
    listed = json.loads(objects.getvalue())["events"]
    assert len(listed) == events or data[:2] in _MAGIC, "events lost or invented"
    assert [event["line"] for event in listed] == sorted(event["line"] for event in listed), "out of order"
    for text in (pages.getvalue(), objects.getvalue()):
        assert text.isascii(), "not ASCII"
        assert text.replace("\n", "").isprintable(), "not printable"


def _read(chunks: list[bytes]) -> list[Event]:
    reader = OomReader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()


def main() -> None:
    """Fuzz until libFuzzer's limits, or until something does not hold."""
    with tempfile.TemporaryDirectory() as scratch:
        words = Path(scratch) / "words"
        words.write_text("".join(f'"{_quoted(word)}"\n' for word in _WORDS))
        atheris.Setup([*sys.argv, f"-dict={words}"], check)
        atheris.Fuzz()


def _quoted(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')


if __name__ == "__main__":
    main()
