"""The other end of the wire, without hardware: signals, links with faults, a Bluetooth stack.

Ships with the product: demos and tests run the real drivers against it.
"""
