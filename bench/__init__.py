"""Benchmarks; ``make bench`` runs those that need nothing but the checkout."""
