"""The analyse stage: what the contents of an update can do, and what they name."""

from fwverify.analyse.stage import analyse

__all__ = ["analyse"]
