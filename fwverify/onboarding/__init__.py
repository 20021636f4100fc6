"""The first delivery of a product: from an unknown vendor to a baseline that counts.

``found`` proposes, ``place`` keeps the proposal as files that people complete, ``promotion``
says what still stands in the way, ``recipe`` holds later deliveries to what was promoted.
"""
