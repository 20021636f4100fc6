"""What the tests of a ledger propose, approve and alter."""

from __future__ import annotations

import sqlite3

from tests.builders.profiles import finding, node, profile

AT = "2026-11-21T00:00:00Z"
REF = "acme/telematics/1.0.0"
PROFILE = profile(node("update.swu", "x"), findings=(finding(),))


def propose(ledger, ref=REF, content=PROFILE, submitter="S. Submitter", **changes):
    fields = {"vendor": "acme", "product": "telematics", "version": "1.0.0", "at": AT}
    return ledger.propose(ref, content, submitter=submitter, **(fields | changes))


def approve(ledger, by, ref=REF):
    return ledger.approve(ref, by, "examined in the lab", AT)


def alter(file, statement, *values):
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(statement, values)
    connection.close()
