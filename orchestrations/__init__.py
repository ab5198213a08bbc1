"""The workflow: deterministic generators. No I/O, no clock, no randomness: a replay must take the same steps."""
