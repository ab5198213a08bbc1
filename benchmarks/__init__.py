"""What it costs, measured side by side. Each module is one command and writes its figures to `results/`."""
