"""fwverify decides whether a vendor's firmware update may reach a device."""

__version__ = "0.1.0"
