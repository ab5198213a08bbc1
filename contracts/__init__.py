"""What crosses a boundary: requests, plans, task specs, queue messages, ledgers, settings.

Every model is frozen and forbids unknown keys, so that a message written by another version is refused with the
key's name instead of being half understood.
"""
