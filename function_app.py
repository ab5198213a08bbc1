"""Atelier's Function App: a table of contents. Azure and the local host load this very file."""

import azure.durable_functions as df

from activities.blueprint import bp as activities
from orchestrations.blueprint import bp as orchestrations
from telemetry import log_fields
from triggers.deadletter_api import bp as deadletter_api
from triggers.gpu_queues import bp as gpu_queues
from triggers.http_api import bp as http_api
from triggers.logs_api import bp as logs_api
from triggers.uploads import bp as uploads

log_fields.install()

app = df.DFApp()

# Doors
app.register_functions(uploads)
app.register_functions(http_api)
app.register_functions(deadletter_api)
app.register_functions(logs_api)
app.register_functions(gpu_queues)
# The workflow and its hands
app.register_functions(orchestrations)
app.register_functions(activities)
