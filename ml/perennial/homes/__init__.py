"""Homes: made by `perennial init`, brought to a newer version by `perennial upgrade`, checked by `perennial check`."""

from perennial.homes.checking import Checked, check_home
from perennial.homes.making import make_home
from perennial.homes.upgrading import Upgrade, describe_versions, plan_upgrade, write_upgrade

__all__ = ["Checked", "Upgrade", "check_home", "describe_versions", "make_home", "plan_upgrade", "write_upgrade"]
