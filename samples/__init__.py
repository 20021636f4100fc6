"""Sample updates, built from this folder's own sources, with their expected verdicts."""
