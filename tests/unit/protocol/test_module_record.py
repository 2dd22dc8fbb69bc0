# SPDX-License-Identifier: Apache-2.0
"""How a guest says that binder is there: as a module or built in, and where its device came from."""

from __future__ import annotations

import json

import pytest

from orchestrator.protocol.records import ModuleLoaded, parse_record


def loaded(**said: str) -> ModuleLoaded:
    line = {"event": "module", "t_us": 1, "variant": "v", "ok": True, "errno": 0, **said}
    record = parse_record(json.dumps(line).encode())
    assert isinstance(record, ModuleLoaded)
    return record


def test_a_record_of_an_older_agent_does_not_say_how() -> None:
    assert (loaded().driver, loaded().device) == (None, None)


def test_a_driver_that_is_built_in_is_said_with_its_device() -> None:
    record = loaded(driver="built-in", device="binderfs")
    assert (record.driver, record.device) == ("built-in", "binderfs")


def test_no_driver_has_no_device() -> None:
    assert loaded(driver="none").device is None


def test_another_word_is_no_record() -> None:
    with pytest.raises(ValueError, match="driver"):
        loaded(driver="perhaps")
