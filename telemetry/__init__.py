"""What the app tells of itself: traces, metrics and fields of its logs. A leaf: it knows no other package.

With nothing configured all of it comes to a look at a cached flag: OpenTelemetry's SDK is imported when something is
exported for the first time. `telemetry.destinations` says what turns it on.
"""
