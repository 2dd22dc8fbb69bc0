# SPDX-License-Identifier: Apache-2.0
"""Other machines, reached by ssh: runs that are made there, and everything of them that comes back."""
