# SPDX-License-Identifier: Apache-2.0
"""Two separate runs side by side: what differs between them, and what cannot be concluded from that."""
