# SPDX-License-Identifier: Apache-2.0
"""What people see: live progress, and reports made from a verdict."""
