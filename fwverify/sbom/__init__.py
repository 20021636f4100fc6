"""The bill of materials of an update, and what known vulnerabilities bear on it.

- ``databases``, ``inventory``: components, read in the analyse stage.
- ``cyclonedx``: the bill as CycloneDX 1.6 or 1.7, with keys and algorithms.
- ``advisories``: OSV and NVD files, given by the operator; never the network.
- ``versions``: how package managers order versions.
- ``vex``: the matches as CycloneDX vulnerabilities.
"""
