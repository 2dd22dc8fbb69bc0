# SPDX-License-Identifier: Apache-2.0
"""What lies on disk: run directory, journal, manifest, results, recordings."""
