"""Validate: what the suites of a model find in the database, and whether the day may go on."""

from perennial.validate.conclusion import SuiteFindings, check_bands, check_facts, conclude
from perennial.validate.running import run_suite
from perennial.validate.suites import Rule, Suite, SuiteName, load_suite

__all__ = ["Rule", "Suite", "SuiteFindings", "SuiteName", "check_bands", "check_facts", "conclude", "load_suite", "run_suite"]
