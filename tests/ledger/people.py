"""People with keys of their own, made anew for each run."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from fwverify.people import Person
from fwverify.verify.keys import read_keys


def pem(private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def private_pem(private, passphrase: bytes | None = None) -> bytes:
    hidden = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden
    )


def person(name, *privates, roles=("approver",)) -> Person:
    keys = tuple(key for private in privates for key in read_keys(pem(private), name))
    return Person(name=name, keys=keys, roles=roles)


ANN_KEY, BOB_KEY, CY_KEY, EVE_KEY = (ed25519.Ed25519PrivateKey.generate() for _ in range(4))
ANN, BOB, CY = person("Ann", ANN_KEY), person("Bob", BOB_KEY), person("Cy", CY_KEY)
PEOPLE = (ANN, BOB, CY)
