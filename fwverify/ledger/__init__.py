"""The ledger: approved baselines, who approved them, and a log that shows tampering.

``Ledger`` is the whole interface; ``model`` holds what it returns, ``schema`` the tables.
"""

from __future__ import annotations

from fwverify.ledger.ledger import Ledger
from fwverify.ledger.model import Approval, Entry, LedgerError, LogHead, Stored, VerdictEntry

__all__ = ["Approval", "Entry", "Ledger", "LedgerError", "LogHead", "Stored", "VerdictEntry"]
