"""Real devices: a folder each, with the same files.

profile.toml    cells, axes, units, claim level, and the `[wire]` settings of the driver
codec.py        pure bytes to arrays in the device's own units; no input or output, no clock
driver.py       the `hw.source.Source`: transport, codec, clock mapping, blocks in house units
simulator.py    the device's side of the wire; shares no code with codec and driver
"""
