"""How to reach a device, hold it, and tell whether it can be measured."""
