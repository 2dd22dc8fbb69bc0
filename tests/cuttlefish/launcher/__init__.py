# SPDX-License-Identifier: Apache-2.0
"""The stand-in for Google's launcher: what `cvd` calls of a host package, with QEMU behind it.

`start`, `stop` and `status` are the three programs; `run` is the process of one device.
"""
