# SPDX-License-Identifier: Apache-2.0
"""Looking at kernel images before anything boots: what each is, and where it is no phone's.

    python examples/look_at_a_kernel.py Image boot.img vmlinuz-6.12

An image is taken as it comes: compressed, or wrapped for a boot loader. What it does not say is unknown.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.kernels.examined import examine_image
from orchestrator.kernels.phone import PHONE, phone_traits
from orchestrator.kernels.traits.table import kernel_table
from orchestrator.units import spaced_size


def main(images: Sequence[Path]) -> int:
    """Print a paragraph for each image."""
    for path in images:
        kernel = examine_image(path)
        pages = "unknown" if kernel.page_size_bytes is None else spaced_size(kernel.page_size_bytes)
        print(f"{kernel.name}: Linux {kernel.release} for {kernel.arch}, pages of {pages}")
        table = kernel_table({kernel.name: kernel.traits}, phone_traits(kernel.arch), PHONE)
        for row in table.differing:
            print(f"  {row.trait}: {row.cells[0]} (phone: {row.reference}): {row.means[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
