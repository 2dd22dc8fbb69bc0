# SPDX-License-Identifier: Apache-2.0
"""One patch from standard input, tried as `b4` has patches checked: a line for each thing to say."""
