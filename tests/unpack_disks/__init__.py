"""Tests of disks and partition tables."""
