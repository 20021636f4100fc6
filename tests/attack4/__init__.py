"""Attacks on the signatures: each theme is what an adversary tried, and what refuses it."""
