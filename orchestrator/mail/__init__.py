# SPDX-License-Identifier: Apache-2.0
"""What a mail about memory contains: reports, benchmark tables, and patches rid of what mail did to them."""
