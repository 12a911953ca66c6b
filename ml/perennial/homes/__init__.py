"""Homes: made by `perennial init`, brought to a newer version by `perennial upgrade`, checked by `perennial check`."""

from perennial.homes.checked import Checked
from perennial.homes.checking import Installation, Which, believe, check_home, check_model, fill, find_fault
from perennial.homes.making import make_home
from perennial.homes.rules import RULES
from perennial.homes.saying import describe
from perennial.homes.tables import read_tables
from perennial.homes.upgrading import Upgrade, describe_versions, plan_upgrade, write_upgrade
from perennial.homes.workbench import Workbench, open_workbench

__all__ = [
    "RULES",
    "Checked",
    "Installation",
    "Upgrade",
    "Which",
    "Workbench",
    "believe",
    "check_home",
    "check_model",
    "describe",
    "describe_versions",
    "fill",
    "find_fault",
    "make_home",
    "open_workbench",
    "plan_upgrade",
    "read_tables",
    "write_upgrade",
]
