"""Write docs/settings.md from the table in contracts/settings.py:  python scripts/settings_table.py"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from contracts.settings import table  # noqa: E402 (the repository is not installed as a package)

HEAD = """# Settings

The Function App reads these from its environment (app settings in Azure; `python -m local up --set NAME=VALUE`
locally), once, at start. A test checks that this table is complete; `python scripts/settings_table.py` writes it.

| Name | Default | Meaning |
|---|---|---|
"""

TAIL = """
## What a plan reckons with

`START_UP_SECONDS` and `SECONDS_PER_MEGAPIXEL` count for the first job of its kind only. Every finished job leaves what
its tasks measured (seconds of start-up, seconds a frame) under `measured/` in the system account's container `jobs`.
The next plan is made from the medians of the five newest jobs with the same pool, scorer, network, precision, size of
frames, workers and compiling. Where there is none of that size, or run in that way, the nearest one is scaled: by
megapixels, and by what compiling gains. A plan says in `provenance.json` which jobs it went by; beside it stands what
scoring took in the end.

The defaults are of one core of an AMD EPYC (Zen 4, AVX-512 BF16) with 16-bit floats and no compiling: 83 ms to score
640x360, and decoding and encoding beside that. A core without such floats, or `SCORE_PRECISION=float32`, takes twice as
long. No GPU was measured: there the first plan expects far too long a time, and the second does not.

`POOL_NODES` x `POOL_SLOTS_PER_NODE` tasks run at once, and each has `WORKERS_PER_TASK` workers: a task's frames take
that many times less, its start-up does not.

`SCORE_COMPILE=auto` compiles where the whole job is expected to end earlier for it: compiling costs 20 seconds on every
node, until measured, and a frame then takes 0.95 of the time (on that core, where the network is arranged for speed
already; no GPU was measured). How a job's tasks run is decided with its plan and kept with it: a retry runs as the
first attempt did, whatever the settings are by then, unless nothing was scored yet. So a job whose nodes cannot compile
goes on with `SCORE_COMPILE=never` and a retry.
"""

CONNECTIONS = """
## Connections

Storage is reached by Azure's own connection convention:

| Name | Meaning |
|---|---|
| `AzureWebJobsStorage` | The Functions host's own account |
| `DATA_STORAGE` | Connection string of the account users may reach: videos, styles, outputs |
| `SYSTEM_STORAGE` | Connection string of the account only the system reaches: jobs, models, logs, queues |
| `DATA_STORAGE__blobServiceUri` | Instead of a connection string: the address; the app's identity is used |
| `SYSTEM_STORAGE__blobServiceUri`, `SYSTEM_STORAGE__queueServiceUri` | The same for the system account |
| `TASKHUB_NAME` | Name of the Durable Functions task hub |
"""

rows = "".join(f"| `{name}` | {f'`{default}`' if default else ''} | {help} |\n" for name, default, help in table())
(ROOT / "docs" / "settings.md").write_text(HEAD + rows + TAIL + CONNECTIONS)
