# SPDX-License-Identifier: Apache-2.0
"""A whole kernel, configured and compiled in the sandbox."""
