"""Tests of file systems."""
