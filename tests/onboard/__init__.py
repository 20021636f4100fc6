"""Onboarding: a first delivery, its promotion, and what comes after."""
