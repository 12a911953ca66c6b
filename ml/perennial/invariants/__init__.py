"""What must hold of the whole installation at any time: looked at by `perennial check --all`, every night and after every fault.

Read `checking` first. An invariant is one function: it looks, changes nothing, and answers with what it counted and with
findings, each of which names its remedy.
"""

from perennial.invariants.checking import INVARIANTS, Checked, check_installation, describe_invariants
from perennial.invariants.looking import Answer, Finding, Places
from perennial.invariants.telling import tell_owners

__all__ = ["INVARIANTS", "Answer", "Checked", "Finding", "Places", "check_installation", "describe_invariants", "tell_owners"]
