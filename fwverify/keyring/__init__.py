"""Care of the trust store: adding, approving, retiring, revoking, checking, signing.

``fwverify keys`` is the command. Verification never writes here and needs nothing from
here but ``signing.require``, which holds a store to its approvers' signatures.
"""
