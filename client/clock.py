"""A length of time as people read it."""


def clock(seconds: float) -> str:
    """`1:02:03`, or `2:03` under an hour."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def spell(seconds: float) -> str:
    """`12.3 s`, or `2:03 min`, or `1:02:03 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{clock(seconds)} {'h' if round(seconds) >= 3600 else 'min'}"
