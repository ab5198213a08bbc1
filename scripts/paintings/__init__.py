"""Paintings made by programs, for styles that are the repository's own: `python -m scripts.paintings`."""
