"""The deployment gate: may these bytes be installed here and now? No analysis.

``form`` is the signed text form, ``keys`` its signatures, ``update`` hashes what is to be
installed, ``judge`` puts them together. ``gate.sh`` is the same in POSIX sh and openssl;
a test holds the two against each other. Nothing here imports an analyser or a parser of
updates.
"""
