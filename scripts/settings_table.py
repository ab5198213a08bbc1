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
(ROOT / "docs" / "settings.md").write_text(HEAD + rows + TAIL)
