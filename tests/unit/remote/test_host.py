# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from orchestrator.errors import InputError
from orchestrator.remote.host import Host, parse_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("lab", Host("lab")),
        ("me@lab.example", Host("lab.example", "me")),
        ("me@lab:2222", Host("lab", "me", 2222)),
        ("me@[2001:db8::1]:22", Host("2001:db8::1", "me", 22)),
        ("[fe80::1%eth0]", Host("fe80::1%eth0")),
        ("192.0.2.7", Host("192.0.2.7")),
    ],
)
def test_a_machine_is_named_as_ssh_names_it(text: str, host: Host) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-oProxyCommand=x",
        "a b",
        "me@",
        "@lab",
        "lab:0",
        "lab:70000",
        "lab:",
        "lab/x",
        "lab;id",
        "a@b@c",
        "l\n",
    ],
)
def test_what_names_no_machine_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_host(text)


def test_a_password_is_refused_without_being_repeated() -> None:
    with pytest.raises(InputError, match="password") as caught:
        parse_host("me:geheim@lab")
    assert "geheim" not in "".join([caught.value.message, caught.value.hint, *caught.value.evidence])


def test_a_host_has_no_words() -> None:
    assert "lab" not in repr(Host("lab", "me"))
