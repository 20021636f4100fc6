"""Regulation catalogues as data, and what a report says of their requirements.

- ``values``: a catalogue, its requirements, a map.
- ``load``: strict reading; every official id exactly once.
- ``checks``: the questions that a report answers by itself.
- ``mapping``: direct, partial or not covered; supports, contradicts or no evidence.
- ``words``: what no text may claim.
"""

from fwverify.catalogue.load import catalogues, load_catalogue, shipped
from fwverify.catalogue.mapping import maps
from fwverify.catalogue.values import Catalogue, Map, Mapped, Requirement

__all__ = [
    "Catalogue",
    "Map",
    "Mapped",
    "Requirement",
    "catalogues",
    "load_catalogue",
    "maps",
    "shipped",
]
