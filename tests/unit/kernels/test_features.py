# SPDX-License-Identifier: Apache-2.0
"""What a kernel can do: by configuration, by modules, by what else is known of it, or unknown."""

from __future__ import annotations

import pytest

from orchestrator.kernels.features import NULL_BLOCK_DEVICE, Feature, KernelFeatures

SWAP = Feature(("SWAP",))


@pytest.mark.parametrize(
    ("kernel", "feature", "there"),
    [
        (KernelFeatures("CONFIG_SWAP=y\n"), SWAP, True),
        (KernelFeatures("# CONFIG_SWAP is not set\n"), SWAP, False),
        (KernelFeatures("CONFIG_SWAPPY=y\n"), SWAP, False),
        (KernelFeatures(None), SWAP, None),
        (KernelFeatures(None, present=frozenset({"SWAP"})), SWAP, True),
        (KernelFeatures(None, absent=frozenset({"SWAP"})), SWAP, False),
        (KernelFeatures(None, absent=frozenset({"A"})), Feature(("A", "B")), None),
        (KernelFeatures("CONFIG_BLK_DEV_NULL_BLK=m\n"), NULL_BLOCK_DEVICE, False),
        (KernelFeatures("CONFIG_BLK_DEV_NULL_BLK=m\n", frozenset({"null_blk"})), NULL_BLOCK_DEVICE, True),
        (KernelFeatures(None, frozenset({"null_blk"})), NULL_BLOCK_DEVICE, True),
    ],
)
def test_a_feature_is_there_or_not_or_unknown(
    kernel: KernelFeatures, feature: Feature, there: bool | None
) -> None:
    assert kernel.has(feature) is there


@pytest.mark.parametrize(
    ("config", "feature", "words"),
    [
        ("", SWAP, "no CONFIG_SWAP"),
        ("CONFIG_SWAP=m", SWAP, "CONFIG_SWAP=m, and no module of it is given"),
        (
            "CONFIG_BLK_DEV_NULL_BLK=m",
            NULL_BLOCK_DEVICE,
            "CONFIG_BLK_DEV_NULL_BLK=m, and its module null_blk is not given",
        ),
        (None, NULL_BLOCK_DEVICE, "null_blk is neither built in nor among its modules"),
    ],
)
def test_why_not_is_said_in_the_words_that_help(config: str | None, feature: Feature, words: str) -> None:
    assert KernelFeatures(config).why_not(feature) == words
