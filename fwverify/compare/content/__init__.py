"""What differs inside two contents that belong together, told by a worker.

Guarantees: every pair of contents gives at least one fact or says why not; facts are
bounded, sorted and without secrets; a format that is broken or larger than its bound is
told by its lines or bytes instead, never not at all.

What it does not do: judge, but for revocation lists that forget and signers that change.
"""
