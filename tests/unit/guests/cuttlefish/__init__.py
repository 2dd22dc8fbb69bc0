# SPDX-License-Identifier: Apache-2.0
"""Tests of the backend cuttlefish, without a device."""
