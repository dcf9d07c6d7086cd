"""Profiles that ship with the room, one TOML per device."""
