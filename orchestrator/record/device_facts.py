# SPDX-License-Identifier: Apache-2.0
"""The device that a trial ran on, where that was none of the agent's own."""

from __future__ import annotations

from pydantic import Field

from orchestrator.frozen import Frozen


class DeviceFacts(Frozen):
    """What the agent found on the device, and what Android's low memory killer did there."""

    boot_id: str = Field(description="the kernel's name for this boot")
    root: bool = Field(description="the agent ran as root")
    binder_impl: str = Field(
        description="the binder driver that ran: `c`, `rust`, `unknown`; empty: there was none"
    )
    binder_device: str = Field("", description="where its device was before the trial; empty: nowhere")
    unkillable: bool = Field(description="the OOM killer leaves the agent alone (`oom_score_adj` -1000)")
    lacks: tuple[str, ...] = Field(
        (), description="what the agent may not do there: words of images/guest/PROTOCOL.md"
    )
    swap_kb: dict[str, int] = Field(
        default_factory=dict, description="swap areas before the trial, and the size of each"
    )
    lmkd: bool = Field(False, description="Android's low memory killer ran")
    lmkd_kills: int | None = Field(
        None, description="processes that it says it killed, in the device's whole life; null: no log of it"
    )
    benchmarks: tuple[str, ...] = Field(
        (), description="AOSP's own binder benchmarks and tests on the device"
    )
