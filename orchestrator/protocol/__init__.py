# SPDX-License-Identifier: Apache-2.0
"""What host and guest agent say to each other: the Python half of images/guest/PROTOCOL.md."""
