# SPDX-License-Identifier: Apache-2.0
"""What sets one kernel apart from another for memory: read from its files, told against a phone's."""
