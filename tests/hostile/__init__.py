# SPDX-License-Identifier: Apache-2.0
"""What attackers and bad days bring: inputs made to harm whoever looks at them."""
