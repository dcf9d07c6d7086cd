"""Devices, recordings and the virtual patient: everything that yields samples."""
