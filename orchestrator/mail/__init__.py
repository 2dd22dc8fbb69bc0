# SPDX-License-Identifier: Apache-2.0
"""What a mail about memory contains: reports, benchmark tables, and patches freed of what mail did to them."""
