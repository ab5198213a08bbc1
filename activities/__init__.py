"""The workflow's hands: one file per activity, every one safe to run twice."""
