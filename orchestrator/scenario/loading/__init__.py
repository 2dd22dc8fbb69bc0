# SPDX-License-Identifier: Apache-2.0
"""From a YAML file to a checked scenario: reading, overriding, profiles, messages that lead to the cure."""
