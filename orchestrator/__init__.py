# SPDX-License-Identifier: Apache-2.0
"""oomlab: does a kernel change survive memory fragmentation, and what does it cost?"""

import os

__version__ = "0.1.0"

# What libraries do while they are loaded, and nothing here needs. Set before any of them is.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looks through all installed packages
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # starts a thread for each core: half of NumPy's start
