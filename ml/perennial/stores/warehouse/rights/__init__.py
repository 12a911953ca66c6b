"""Who may do what in the warehouse: what is declared, and where PostgreSQL differs from it."""

from perennial.stores.warehouse.rights.comparing import Difference, compare_rights, find_lifted
from perennial.stores.warehouse.rights.declared import (
    DATABASE,
    FACTS,
    FUNCTIONS,
    LEDGER,
    MEMBERS,
    ROLES,
    SCHEMAS,
    WATCHED,
    Schema,
)

__all__ = [
    "DATABASE",
    "FACTS",
    "FUNCTIONS",
    "LEDGER",
    "MEMBERS",
    "ROLES",
    "SCHEMAS",
    "WATCHED",
    "Difference",
    "Schema",
    "compare_rights",
    "find_lifted",
]
