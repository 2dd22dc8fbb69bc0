# SPDX-License-Identifier: Apache-2.0
"""One step of `git bisect run`: a kernel tree as it is checked out, tried until its answer can be trusted."""
