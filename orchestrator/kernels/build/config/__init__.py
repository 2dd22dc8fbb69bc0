# SPDX-License-Identifier: Apache-2.0
"""The configuration of a kernel that is built: what is asked for, what came of it. Pure but for reading."""
