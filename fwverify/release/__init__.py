"""Releases: what people take upon themselves, kept apart from the machine's verdict.

``remainders`` holds what they name against what a report leaves open, ``making`` writes
the signed text (``fwverify.gate.form``), ``standing`` says what its signatures are worth,
``kept`` reads and writes the ledger's run log.
"""
