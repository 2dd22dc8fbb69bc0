# SPDX-License-Identifier: Apache-2.0
"""How files are opened, read and written: one door for what others made, one way to write."""
