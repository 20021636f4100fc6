"""Declared claims held against what the update contains.

``catalogue`` says what speaks against each claim, ``engine`` gives the verdicts,
``declared`` reads the parameters of a claim, ``coverage`` how much code was examined.
Firmware can refute a claim and can never prove one.
"""
