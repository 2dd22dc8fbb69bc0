# SPDX-License-Identifier: Apache-2.0
"""What is compiled: modules from patched source, and the guest agent, each in a sandbox."""
