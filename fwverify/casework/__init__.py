"""Cases at work: who does what, what was noted, how far each finding is.

``events`` is the record of one case, ``store`` the folder that keeps cases and carries
them to a colleague.
"""
