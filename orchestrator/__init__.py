# SPDX-License-Identifier: Apache-2.0
"""oomlab: does a kernel change survive memory fragmentation, and what does it cost?"""

__version__ = "0.1.0"
