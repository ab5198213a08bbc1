"""An Azure Functions host in one process: the real Python runtime, a durable engine, HTTP, queue and blob triggers."""
