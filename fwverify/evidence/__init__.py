"""The evidence package: what is filed, and verified years later without this program.

``layout`` says which file is made of which part of a report, ``package`` is the ZIP,
``asic`` the manifests, ``sealing`` signs and stamps, ``check`` verifies, ``replay`` decides
anew, ``redact`` makes what may be published, ``verify.sh`` verifies with openssl alone.
"""
