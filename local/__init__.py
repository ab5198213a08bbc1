"""The local stack: Azurite, a Functions host and a Batch service in place of Azure. It imports nothing of the app."""
