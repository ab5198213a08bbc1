"""The program on a GPU node: reads a task spec, decodes, scores, encodes, uploads and reports.

`python -m gpu_task` does one task. It knows media and contracts, never the function app.
"""
