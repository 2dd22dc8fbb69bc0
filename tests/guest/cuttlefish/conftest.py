# SPDX-License-Identifier: Apache-2.0
"""Devices of the real cvd for the tests."""

from tests.cuttlefish.fixture import cvd_lab, cvd_lab_of_session, cvd_programs

__all__ = ["cvd_lab", "cvd_lab_of_session", "cvd_programs"]
