# SPDX-License-Identifier: Apache-2.0
"""What loggers, tools and vendors' kernels put before every line of a report, as generators of texts."""

from __future__ import annotations

import base64
import json
import quopri
import re
from collections.abc import Callable

Logger = Callable[[int, str], str]
"""From the number of a line and a message to what is printed."""

STAMP = re.compile(r"^\[ *(\d+\.\d+)\](?:\[ *[TC]\d+\])? ?")


def _time(number: int) -> str:
    return f"{number // 60 % 60:02d}:{number % 60:02d}"


def _six(number: int) -> str:
    return f"{number * 7919 % 1_000_000:06d}"


def plain(before: Callable[[int], str]) -> Logger:
    return lambda number, message: before(number) + message


DMESG: dict[str, Logger] = {
    "time": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}] "),
    "time and caller": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}] [  T4711] "),
    "time, caller glued": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}][   C3] "),
    "ctime": plain(lambda n: f"[Sat Apr  1 12:{_time(n)} 2023] "),
    "ctime of Hungary": plain(lambda n: f"[szo ápr.  1 12:{_time(n)} 2023] "),
    "ctime and caller": plain(lambda n: f"[Sat Apr  1 12:{_time(n)} 2023] [ T4711] "),
    "ctime and delta": plain(lambda n: f"[Sat Apr  1 12:{_time(n)} 2023 <    0.{_six(n)}>] "),
    "time and delta": plain(lambda n: f"[{1234 + n:5d}.{_six(n)} <    0.{_six(n)}>] "),
    "delta": plain(lambda n: f"[<    0.{_six(n)}>] "),
    "reltime": plain(lambda n: "[Apr 1 12:00] " if n == 0 else f"[  +0.{_six(n)}] "),
    "iso": plain(lambda n: f"2023-04-01T12:{_time(n)},{_six(n)}+02:00 "),
    "iso and caller": plain(lambda n: f"2023-04-01T12:{_time(n)},{_six(n)}+02:00 [ T4711] "),
    "raw": plain(lambda n: f"<{n % 7}>[{1234 + n:5d}.{_six(n)}] "),
    "decoded": plain(lambda n: f"kern  :{'warn' if n % 2 else 'info'}  : [{1234 + n:5d}.{_six(n)}] "),
    "notime and caller": plain(lambda n: "[ T4711] "),
}
_DAY = "2023-04-01"
JOURNAL: dict[str, Logger] = {
    "short": plain(lambda n: f"Apr 01 12:{_time(n)} host kernel: "),
    "short of China": plain(lambda n: f"4月 01 12:{_time(n)} host kernel: "),
    "short of France": plain(lambda n: f"avril 01 12:{_time(n)} host kernel: "),
    "short of Spain": plain(lambda n: f"dic. 01 12:{_time(n)} host.example kernel: "),
    "short of Russia": plain(lambda n: f"дек 01 12:{_time(n)} host kernel: "),
    "short of Japan": plain(lambda n: f"12月 01 12:{_time(n)} host kernel: "),
    "short of Germany": plain(lambda n: f"Mär 01 12:{_time(n)} host kernel: "),
    "short-full": plain(lambda n: f"Sat {_DAY} 12:{_time(n)} CEST host kernel: "),
    "short-full of Poland": plain(lambda n: f"sob {_DAY} 12:{_time(n)} CEST host kernel: "),
    "short-iso": plain(lambda n: f"{_DAY}T12:{_time(n)}+02:00 host kernel: "),
    "short-iso-precise": plain(lambda n: f"{_DAY}T12:{_time(n)}.{_six(n)}+02:00 host kernel: "),
    "short-precise": plain(lambda n: f"Apr 01 12:{_time(n)}.{_six(n)} host kernel: "),
    "short-monotonic": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}] host kernel: "),
    "short-delta": plain(lambda n: f"[{1234 + n:5d}.{_six(n)} <    0.{_six(n)} >] host kernel: "),
    "short-unix": plain(lambda n: f"{1680343200 + n}.{_six(n)} host kernel: "),
    "with-unit": plain(lambda n: f"Sat {_DAY} 12:{_time(n)} CEST host kernel: "),
    "verbose": lambda n, m: (
        f"Sat {_DAY} 12:{_time(n)}.{_six(n)} CEST [s=3a1;i={n:x};b=7f;m=1;t=5f;x=2]\n"
        f"    _TRANSPORT=kernel\n    PRIORITY=4\n    MESSAGE={m}\n    _HOSTNAME=host"
    ),
    "export": lambda n, m: (
        f"__CURSOR=s=3a;i={n:x}\n__REALTIME_TIMESTAMP=168034320{_six(n)}\n_TRANSPORT=kernel\n"
        f"SYSLOG_IDENTIFIER=kernel\nMESSAGE={m}\n_BOOT_ID=77a\n"
    ),
    "json": lambda n, m: json.dumps(
        {
            "__CURSOR": f"s=3a;i={n:x}",
            "MESSAGE": m,
            "_TRANSPORT": "kernel",
            "PRIORITY": "4",
            "_HOSTNAME": "host",
        }
    ),
    "json-pretty": lambda n, m: json.dumps(
        {"__CURSOR": f"s=3a;i={n:x}", "_TRANSPORT": "kernel", "MESSAGE": m, "PRIORITY": "4"}, indent=8
    ).replace('":', '" :'),
    "json-sse": lambda n, m: (
        "data: " + json.dumps({"__CURSOR": f"s=3a;i={n:x}", "MESSAGE": m, "_TRANSPORT": "kernel"}) + "\n"
    ),
    "json-seq": lambda n, m: "\x1e" + json.dumps({"MESSAGE": m, "_TRANSPORT": "kernel"}),
    "json, some as bytes": lambda n, m: json.dumps(
        {"MESSAGE": [*m.encode()] if n % 5 == 1 and "free" in m else m, "_TRANSPORT": "kernel"}
    ),
}
SYSLOG: dict[str, Logger] = {
    "RFC 3164": plain(lambda n: f"<4>Apr  1 12:{_time(n)} host kernel: [{1234 + n}.{_six(n)}] "),
    "RFC 5424": plain(lambda n: f"<4>1 {_DAY}T12:{_time(n)}.{_six(n)}+02:00 host kernel - - - "),
    "RFC 5424 with data": plain(
        lambda n: f'<4>1 {_DAY}T12:{_time(n)}Z host kernel - ID4 [timeQuality tzKnown="1" sync="0"] '
    ),
    "RFC 5424 with a stamp": plain(
        lambda n: f"<4>1 {_DAY}T12:{_time(n)}Z host kernel - - - [{1234 + n}.{_six(n)}] "
    ),
    "without a tag": plain(lambda n: f"{_DAY} 12:{_time(n)} kern.warn host "),
    "relay": plain(lambda n: f"Apr  1 12:{_time(n)} 10.0.0.7 Apr  1 14:{_time(n)} host kernel: "),
    "grep": plain(lambda n: f"/var/log/kern.log.1:{n + 100}:Apr  1 12:{_time(n)} host kernel: "),
    "busybox": plain(lambda n: f"Apr  1 12:{_time(n)} router kern.warn kernel: [{1234 + n}.{_six(n)}] "),
    "openwrt": plain(lambda n: f"Sat Apr  1 12:{_time(n)} 2023 kern.warn kernel: [{1234 + n}.{_six(n)}] "),
}
NETWORK: dict[str, Logger] = {
    "netconsole extended": plain(lambda n: f"4,{500 + n},{501151268 + n},-;"),
    "netconsole with caller": plain(lambda n: f"4,{500 + n},{501151268 + n},-,caller=T4711;"),
    "netconsole with release": plain(lambda n: f"6.4.0-rc1,4,{500 + n},{501151268 + n},-;"),
    "netconsole received": plain(lambda n: f"{_DAY} 12:{_time(n)} 10.0.0.7:6665 4,{500 + n},{5011 + n},-;"),
    "kmsg with a stamp": plain(lambda n: f"4,{500 + n},{501151268 + n},c;[{1234 + n}.{_six(n)}] "),
}
VENDORS: dict[str, Logger] = {
    "MediaTek": plain(lambda n: f"<4>[{1234 + n:5d}.{_six(n)}]  ({n % 8})[{10628 + n}:Cam@Aux Sensor]"),
    "MediaTek, new": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}][T{10628 + n}@C{n % 8}] "),
    "HiSilicon": plain(lambda n: f"<4>[{1234 + n:5d}.{_six(n)}s][pid:{1361 + n},cpu{n % 8},sManager/{n}]"),
    "HiSilicon, dated": plain(
        lambda n: f"04-01 12:{_time(n)}.341 <4>[{1234 + n}.{_six(n)}s][pid:{1361 + n},cpu5,in irq]"
    ),
    "Qualcomm": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}] [20230401_12:{_time(n)}.{_six(n)}]@{n % 8} "),
    "Qualcomm, bare": plain(lambda n: f"[20230401_12:{_time(n)}.{_six(n)}]@{n % 8} "),
    "LG": plain(lambda n: f"[{1234 + n:5d}.{_six(n)} / 04-01 12:{_time(n)}.{n % 1000:03d}][{n % 8}] "),
    "Samsung": plain(lambda n: f"<4>[{1234 + n:5d}.{_six(n)}] [{n % 8}:      swapper/{n % 8}:{n:5d}] "),
    "Samsung, level": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}]I[{n % 8}:      swapper/{n % 8}:{n:5d}] "),
    "Unisoc": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}] c{n % 8} {1361 + n} (kworker/u16:{n % 9}) "),
    "Unisoc, new": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}][0401_12:{_time(n)}.{_six(n)}]c{n % 8} "),
    "Amlogic": plain(lambda n: f"[{1234 + n:5d}.{_six(n)}@{n % 4}] "),
    "Amlogic, name": plain(lambda n: f"[{1234 + n:5d}.{_six(n)} {n % 4}] "),
}


def _logcat(form: str, tagged: bool = False) -> Logger:
    def logger(number: int, message: str) -> str:
        tag = ""
        if tagged and re.match(r"[\w./-]+: ", message):
            tag, _, message = message.partition(": ")
        when = f"06-15 04:48:{number % 60:02d}.{number % 1000:03d}"
        return form.format(when=when, tag=tag, m=message, n=number)

    return logger


LOGCAT: dict[str, Logger] = {
    "threadtime": _logcat("{when}     0     0 W         : {m}"),
    "threadtime, no tag": _logcat("{when}     0     0 W {m}"),
    "threadtime, tagged": _logcat("{when}     0     0 W {tag:<8}: {m}", tagged=True),
    "threadtime, uid": _logcat("{when}  root     0     0 W         : {m}"),
    "threadtime, year": _logcat("2023-{when} +0000     0     0 W         : {m}"),
    "epoch": _logcat("1680343200.123     0     0 W         : {m}"),
    "time": _logcat("{when} W/        (    0): {m}"),
    "time, tagged": _logcat("{when} W/{tag:<8}(    0): {m}", tagged=True),
    "brief": _logcat("W/        (    0): {m}"),
    "brief, tagged": _logcat("W/{tag:<8}(    0): {m}", tagged=True),
    "tag": _logcat("W/        : {m}"),
    "process": _logcat("W(    0) {m}  ()"),
    "process, tagged": _logcat("W(    0) {m}  ({tag})", tagged=True),
    "thread": _logcat("W(    0:    0) {m}"),
    "raw": _logcat("{m}"),
    "long": _logcat("[ {when}     0:    0 W/         ]\n{m}\n"),
}
CONSOLES: dict[str, Logger] = {
    "minicom": plain(lambda n: f"[{_DAY} 12:{_time(n)}] [{1234 + n:5d}.{_six(n)}] "),
    "picocom": plain(lambda n: f"[{_DAY} 12:{_time(n)}.123] "),
    "grabserial": plain(lambda n: f"[{n}.{_six(n)} 0.{_six(n)}] [{1234 + n:5d}.{_six(n)}] "),
    "ts": plain(lambda n: f"Apr 01 12:{_time(n)} [{1234 + n:5d}.{_six(n)}] "),
    "ts, bare": plain(lambda n: f"Apr 01 12:{_time(n)} "),
    "ts of seconds": plain(lambda n: f"00:{_time(n)} "),
    "arrow": plain(lambda n: f"12:{_time(n)}.123 -> "),
    "bar": plain(lambda n: "console | "),
    "LAVA": plain(lambda n: f"{_DAY}T12:{_time(n)}.{_six(n)}  # "),
    "Jenkins": plain(lambda n: f"[{_DAY}T12:{_time(n)}.{n % 1000:03d}Z] <4>[{1234 + n}.{_six(n)}] "),
    "number": plain(lambda n: f"{n + 1:6d}\t"),
    "ramoops": plain(lambda n: f"<4>[{1234 + n:5d}.{_six(n)}] "),
}
CONTAINERS: dict[str, Logger] = {
    "compose": plain(lambda n: "web-1  | "),
    "kubectl": plain(lambda n: "[pod/node-problem-detector-x7/npd] "),
    "CRI": plain(lambda n: f"{_DAY}T12:{_time(n)}.{_six(n)}789Z stdout F "),
    "docker": lambda n, m: json.dumps(
        {"log": m + "\n", "stream": "stdout", "time": f"{_DAY}T12:{_time(n)}Z"}
    ),
    "docker of a journal": lambda n, m: json.dumps(
        {"log": json.dumps({"MESSAGE": m, "_TRANSPORT": "kernel"}) + "\n", "stream": "stdout"}
    ),
    "fluentd": lambda n, m: (
        f"{_DAY} 12:{_time(n)} +0200 kernel.warn: " + json.dumps({"host": "a", "message": m})
    ),
    "cloud": lambda n, m: json.dumps(
        {
            "insertId": "x1",
            "jsonPayload": {"message": m, "priority": "4"},
            "timestamp": f"{_DAY}T12:{_time(n)}Z",
        }
    ),
    "logfmt": plain(lambda n: f"ts={_DAY}T12:{_time(n)}Z level=warn unit=kernel msg="),
    "dmesg -J": lambda n, m: "      " + json.dumps({"pri": 4, "time": 1234.5 + n, "msg": m}) + ",",
    "dmesg -J, pretty": lambda n, m: (
        f'   {{\n         "pri": 4,\n         "time": {1234 + n}.{_six(n)},\n'
        f'         "msg": {json.dumps(m)}\n      }},'
    ),
}
LOGGERS: dict[str, dict[str, Logger]] = {
    "dmesg": DMESG,
    "journalctl": JOURNAL,
    "syslog": SYSLOG,
    "netconsole": NETWORK,
    "vendor": VENDORS,
    "logcat": LOGCAT,
    "console": CONSOLES,
    "container": CONTAINERS,
}


def logged(logger: Logger, messages: list[str]) -> bytes:
    """A text in which every message went through a logger."""
    return "".join(logger(number, text) + "\n" for number, text in enumerate(messages)).encode()


def bare(data: bytes) -> list[str]:
    """The messages of a text whose lines have the kernel's time stamp or nothing before them."""
    lines = (STAMP.sub("", line.rstrip("\r")) for line in data.decode(errors="replace").split("\n"))
    return [line for line in lines if line.strip()]


def mail_of(data: bytes, encoding: str) -> bytes:
    """A mail as it is saved, with the text encoded."""
    head = (
        "From: A <a@example.org>\nSubject: OOM\nContent-Type: text/plain; charset=utf-8\n"
        f"Content-Transfer-Encoding: {encoding}\n\n"
    )
    if encoding == "base64":
        return head.encode() + base64.encodebytes(data)
    return head.encode() + quopri.encodestring(data)
