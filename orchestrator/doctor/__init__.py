# SPDX-License-Identifier: Apache-2.0
"""What a run needs of this machine, looked at and judged, before a run fails for it."""
