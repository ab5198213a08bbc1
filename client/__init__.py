"""The user's side of Atelier: `python -m client quote | submit | status | list | retry | cancel | download | ...`.

It speaks only through the public doors: the app's HTTP API, and the containers `videos`, `styles` and `outputs`.
"""
