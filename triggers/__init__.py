"""The app's doors: blob uploads, HTTP, and the queues to and from the GPU tasks."""
