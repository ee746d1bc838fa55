"""Checks of the first step, in the manner of a careful engineer; one a file, found by discovery."""

from __future__ import annotations

from flatline.checks.base import CHECKS, run_all

__all__ = ["CHECKS", "run_all"]
