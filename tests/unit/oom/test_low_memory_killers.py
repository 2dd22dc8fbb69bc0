# SPDX-License-Identifier: Apache-2.0
"""What each generation of Android's low memory killers says of a kill."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.oom.explain import explain
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import MemoryEvent, Process
from orchestrator.report.oom import event_page
from tests.unit.oom.texts import memory_events, read_in_chunks

KERNEL = (
    "<6>[302600.931727] lowmemorykiller: Killing 'android.browser' (28649), adj 18, score_adj 1000,\n"
    "<6>[302600.931727]    to free 72464kB on behalf of 'Cam@AuxSensorCo' (10628) because\n"
    "<6>[302600.931727]    cache 100628kB is below limit 322560kB for oom_score_adj 0\n"
    "<6>[302600.931727]    Free memory is 235708kB above reserved\n"
)
VENDOR = (
    "[  100.000000] lowmemorykiller: Killing 'com.a' (100) (tgid 100), adj 900,\n"
    "[  100.000000]    to free 1000kB on behalf of 'kswapd0' (50) because\n"
    "[  100.000000]    cache 90000kB is below limit 92160kB for oom_score_adj 529\n"
    "[  100.000000]    Free memory is -1234kB above reserved.\n"
    "[  100.000000]    Free CMA is 0kB\n"
    "[  100.000000]    GFP mask is 0x24200ca\n"
)
PIE = (
    "01-01 00:00:01.000   400   400 I lowmemorykiller: Killing 'com.old' (999), uid 10020, adj 906\n"
    "01-01 00:00:01.000   400   400 I lowmemorykiller:   to free 30000kB because system is under"
    " medium memory"
    " pressure oom_adj 800\n"
)
MINFREE = (
    "01-01 00:00:01.000   400   400 I lowmemorykiller: Kill 'com.p' (998), uid 10020, adj 906 to"
    " free 20000kB\n"
    "01-01 00:00:01.001   400   400 I lowmemorykiller: Killing because cache 80000kB is below limit"
    " 92160kB for"
    " oom_adj 800\n"
    "01-01 00:00:01.001   400   400 I lowmemorykiller:    Free memory is 1200kB below reserved\n"
)
Q = (
    "01-01 00:00:01.100   400   400 I lmkd    : Kill 'com.q' (1999), uid 10020, oom_adj 900 to free 30000kB\n"
    "01-01 00:00:01.200   400   400 I lmkd    : Reclaimed 30000kB, cache(80000kB) and free(40000kB)-reserved"
    "(10000kB) below min(92160kB) for oom_adj 900\n"
)
R = (
    "07-28 10:46:14.514   479   479 I lowmemorykiller: Kill 'com.r' (17), uid 10174, oom_adj 0 to"
    " free 4445kB;"
    " reason: low watermark is breached and swap is low (12kB < 209714kB)\n"
)
S = (
    "07-28 10:46:14.514   479   479 I lowmemorykiller: Kill 'com.s' (18), uid 10174, oom_score_adj"
    " 100 to free"
    " 4445kB rss, 2413kB swap; reason: device is not responding\n"
)
NO_REASON = (
    "I/lowmemorykiller(  479): Kill 'com.t' (19), uid 10, oom_score_adj 900 to free 45kB rss, 13kb swap\n"
)
INFO = (
    "07-28 10:47:14.515   479   479 I killinfo:"
    " [18000,10100,900,800,50000,3,81234,412345,10,20,30,40,2097148,12,"
    "1,2,3,4,5,6,7,8,9,10,11,100,200,3,4,77,0,50,60,1.5,2.5]\n"
)
SIMPLE = "[  200.000000] simple_lmk: Killing com.b with adj 900 to free 50000 KiB\n"
SIGKILL = "[  201.000000] lowmem_shrink: send sigkill to 88 (com.z), adj 12, size 1234\n"
WATCHDOG = (
    "07-28 10:47:14.515   479   480 W lowmemorykiller: lmkd watchdog killed process 55, oom_score_adj 700\n"
)


def every(text: str) -> list[MemoryEvent]:
    return memory_events(read_events(text.encode()))


@pytest.mark.parametrize(
    ("text", "victim", "adj", "said"),
    [
        (
            KERNEL,
            Process(comm="android.browser", pid=28649),
            1000,
            {"freed_kb": 72464, "cache_kb": 100628, "limit_kb": 322560, "min_adj": 0, "free_kb": 235708},
        ),
        (
            VENDOR,
            Process(comm="com.a", pid=100),
            900,
            {"freed_kb": 1000, "cache_kb": 90000, "limit_kb": 92160, "min_adj": 529, "free_kb": -1234},
        ),
        (
            PIE,
            Process(comm="com.old", pid=999),
            906,
            {"freed_kb": 30000, "reason": "system is under medium memory pressure", "min_adj": 800},
        ),
        (
            MINFREE,
            Process(comm="com.p", pid=998),
            906,
            {"freed_kb": 20000, "cache_kb": 80000, "limit_kb": 92160, "min_adj": 800, "free_kb": -1200},
        ),
        (
            Q,
            Process(comm="com.q", pid=1999),
            900,
            {"freed_kb": 30000, "cache_kb": 80000, "limit_kb": 92160, "min_adj": 900, "free_kb": 30000},
        ),
        (
            R,
            Process(comm="com.r", pid=17),
            0,
            {
                "freed_kb": 4445,
                "reason": "low watermark is breached and swap is low (12kB < 209714kB)",
            },
        ),
        (
            S,
            Process(comm="com.s", pid=18),
            100,
            {"freed_kb": 4445, "swap_kb": 2413, "reason": "device is not responding"},
        ),
        (NO_REASON, Process(comm="com.t", pid=19), 900, {"freed_kb": 45, "swap_kb": 13}),
        (
            INFO,
            Process(comm="?", pid=18000),
            900,
            {
                "freed_kb": 50000,
                "min_adj": 800,
                "reason": "watermark is breached and swap is low",
                "mem_free_kb": 81234,
                "cached_kb": 412345,
                "swap_free_kb": 12,
                "swap_kb": 77,
            },
        ),
        (SIMPLE, Process(comm="com.b"), 900, {"freed_kb": 50000}),
        (SIGKILL, Process(comm="com.z", pid=88), 12, None),
        (WATCHDOG, Process(comm="?", pid=55), 700, None),
    ],
    ids=[
        "kernel",
        "vendor",
        "9",
        "9-minfree",
        "10",
        "11",
        "12",
        "12-plain",
        "killinfo",
        "simple",
        "2.6",
        "watchdog",
    ],
)
def test_every_generation(text: str, victim: Process, adj: int, said: dict[str, Any] | None) -> None:
    (event,) = every(text)
    assert (event.type, event.victim, event.oom_score_adj_victim) == ("lmk-kill", victim, adj)
    assert (event.lmk.as_json() if event.lmk else None) == said
    assert read_in_chunks(text.encode(), 7) == [event]


def test_on_whose_behalf() -> None:
    (event,) = every(VENDOR)
    assert event.trigger == Process(comm="kswapd0", pid=50)
    assert event.gfp_mask == "0x24200ca"
    request, state, outcome = explain(event)
    assert request == "A low memory killer acted to free 1000 kB, while kswapd0 (pid 50) requested memory."
    assert state == (
        "File cache 90000 kB and free memory 1234 kB below the reserve against a limit of 92160 kB, at which"
        " oom_score_adj 529 and up is killed."
    )
    assert outcome == "Killed: com.a (pid 100)."


def test_figures_that_contradict_the_words_are_said_to() -> None:
    (event,) = every(KERNEL.replace("cache 100628kB", "cache 1000628kB"))
    assert "not both are below it" in explain(event)[1]


def test_the_page_says_why() -> None:
    (event,) = every(S)
    page = "\n".join(event_page(event, "x"))
    assert "  reason    Its reason: device is not responding." in page
    assert "  request   A low memory killer acted to free 4445 kB and 2413 kB of swap." in page


def test_the_event_log_and_the_main_log_tell_of_one_kill() -> None:
    line = S.replace("(18)", "(18000)")
    for text in (line + INFO, INFO + line):
        (event,) = every(text)
        assert event.victim == Process(comm="com.s", pid=18000)
        assert event.lmk is not None
        assert (event.lmk.reason, event.lmk.mem_free_kb) == ("device is not responding", 81234)
    assert len(every(S + INFO)) == 2


def test_all_generations_in_one_log_are_kept_apart() -> None:
    texts = [KERNEL, VENDOR, PIE, MINFREE, Q, R, S, NO_REASON, INFO, SIMPLE, SIGKILL, WATCHDOG]
    alone = [every(text)[0] for text in texts]
    together = every("".join(texts))
    assert [event.lmk for event in together] == [event.lmk for event in alone]


def test_a_kill_is_given_out_shortly_behind_it() -> None:
    calm = "[  203.000000] usb 1-1: new device\n" * 6
    assert len(memory_events(list(read_events((S + calm + R).encode())))) == 2


@pytest.mark.parametrize(
    "line",
    [
        "07-28 10:46:14.319  479  479 W lowmemorykiller: Failed to open /proc/1/oom_score_adj; errno=2\n",
        "07-28 10:46:14.319   479   479 I killinfo: something else\n",
        "07-28 10:46:14.319   479   479 I lowmemorykiller: Reclaimed 30000kB at oom_adj 900\n",
        "[    1.0]    to free 72464kB on behalf of 'x' (1) because\n",
        "07-28 10:46:14.319   479   479 I ActivityManager: Kill 'com.x' (5), uid 7, adj 9\n",
    ],
)
def test_what_is_no_kill(line: str) -> None:
    assert every(line) == []
