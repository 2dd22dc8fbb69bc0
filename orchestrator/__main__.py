# SPDX-License-Identifier: Apache-2.0
"""`python -m orchestrator` is `oomlab`."""

from orchestrator.cli import main

main()
