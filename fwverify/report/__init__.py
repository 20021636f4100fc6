"""The report in the forms that people and other programs read.

Each writer is a function of a ``Report`` alone: no analysis, no clock, no file.

- ``terminal``: the first screen of a command, and the longer lists.
- ``html``: one self-contained page.
- ``sarif``: SARIF 2.1.0 for tools that collect findings.
- ``junit``: JUnit XML for continuous integration.

What all of them show goes through ``text.visible``: names out of an update are data that
an adversary wrote.
"""
