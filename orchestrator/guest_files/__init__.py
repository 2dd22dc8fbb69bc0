# SPDX-License-Identifier: Apache-2.0
"""Files of the user's for the guest: examined, the libraries of programs found, packed, recorded."""
