"""Configuration that says what a device reaches, lets in or starts, by its own form."""
