"""One handler per REST operation, grouped by resource; each module lists its routes."""
