# SPDX-License-Identifier: Apache-2.0
"""One module a report format, and the table of them."""
