# SPDX-License-Identifier: Apache-2.0
"""Whatever a logger puts before every line of a report, the report says the same."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.oom.reader import read_events
from tests.unit.oom.prefixed import LOGGERS, bare, logged, mail_of
from tests.unit.oom.texts import console, essence, read_in_chunks

REPORTS = ("6.1-arm64-oom", "6.12-arm64-two-nodes", "6.1-arm64-memcg")
FORMS = [(kind, name) for kind, loggers in LOGGERS.items() for name in loggers]


def told(data: bytes) -> list[dict[str, Any]]:
    return essence(read_events(data))


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize(("kind", "name"), FORMS, ids=lambda part: str(part).replace(" ", "-"))
def test_a_report_says_the_same_behind_any_prefix(kind: str, name: str, report: str) -> None:
    messages = [line for line in bare(console(report)) if not line.startswith("oomlab: ")]
    assert told(logged(LOGGERS[kind][name], messages)) == told("\n".join(messages).encode())


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
@pytest.mark.parametrize("report", REPORTS)
def test_a_mail_as_it_was_saved_says_what_its_text_says(report: str, encoding: str) -> None:
    data = console(report)
    mail = mail_of(data, encoding)
    assert told(mail) == told(data)
    assert essence(read_in_chunks(mail, 100)) == told(data)
    body = mail.split(b"\n\n", 1)[1]
    assert encoding == "base64" or told(body) == told(data)


def multipart(*parts: tuple[str, str, bytes]) -> bytes:
    """A mail with parts: a type, an encoding, a text."""
    boundary = b"--=_part_8d3f21c0"
    found = b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=_part_8d3f21c0"\n\n'
    for kind, encoding, data in parts:
        _, _, body = mail_of(data, encoding).partition(b"\n\n")
        head = f"\nContent-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n"
        found += boundary + head.encode() + body
    return found + boundary + b"--\n"


def test_the_parts_of_a_mail() -> None:
    oom, two = console("6.12-arm64-oom"), console("6.12-arm64-two-nodes")
    html = b"<pre>" + oom + b"</pre>"
    for encoding in ("base64", "quoted-printable"):
        mail = multipart(
            ("text/plain", encoding, oom), ("text/html", encoding, html), ("image/png", "base64", two)
        )
        assert told(mail) == told(oom)
        assert told(multipart(("text/html", encoding, html))) == told(oom)
        both = multipart(("text/plain", encoding, oom), ("text/x-log; name=dmesg", "base64", two))
        assert told(both) == told(oom + two)
    mail = mail_of(oom, "quoted-printable")
    (event, *_) = read_events(mail)
    assert b"oom_score_adj=3D0" in mail.split(b"\n")[event.line - 1], "lines of the file are told"


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_what_is_no_encoded_text_hides_nothing(encoding: str) -> None:
    oom = console("6.12-arm64-oom")
    head = f"Content-Transfer-Encoding: {encoding}\n".encode()
    for before in (head, head * 300, head + b"\n", head + b"\n\n=\n", head + b"\nAAA\n--\n"):
        assert told(before + oom)[0]["trigger"] == told(oom)[0]["trigger"]


@pytest.mark.parametrize(("kind", "name"), FORMS, ids=lambda part: str(part).replace(" ", "-"))
def test_a_name_with_spaces_and_a_kill_are_enough(kind: str, name: str) -> None:
    """As a search for "oom" leaves of a log: no line between the two shows anything more."""
    messages = [
        "Isolated Web Co invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
        "Out of memory: Killed process 59760 (Web: Content) total-vm:1kB, anon-rss:1kB, file-rss:0kB",
        "(sd-pam): page allocation failure: order:4, mode:0xcc0(GFP_KERNEL), nodemask=(null)",
        "CPU: 3 PID: 17 Comm: (sd-pam) Not tainted 6.1.0 #1",
    ]
    messages[:0] = ["tmux: server invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"]
    tmux, oom, failure = told(logged(LOGGERS[kind][name], messages))
    assert (oom["trigger"]["comm"], oom["victim"]["comm"]) == ("Isolated Web Co", "Web: Content")
    assert failure["trigger"] == {"comm": "(sd-pam)", "pid": 17}
    assert tmux["trigger"]["comm"] == "tmux: server"
    alone = told(logged(LOGGERS[kind][name], messages[2:3]))
    assert [event["victim"] for event in alone] == [{"comm": "Web: Content", "pid": 59760}]


@pytest.mark.parametrize(("kind", "name"), FORMS, ids=lambda part: str(part).replace(" ", "-"))
def test_a_head_alone_names_its_task(kind: str, name: str) -> None:
    head = "java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"
    (event,) = told(logged(LOGGERS[kind][name], [head]))
    assert (event["trigger"], event["order"]) == ({"comm": "java", "pid": None}, 0)
