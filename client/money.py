"""Amounts of money as people read them."""

from client.job_state import JobState


def amount(value: float, currency: str = "") -> str:
    """`12.35 EUR`; below 1 with three digits that tell: `0.0042 EUR`."""
    text = f"{value:,.2f}" if value >= 1 or value == 0 else f"{value:.3g}"
    return f"{text} {currency}".rstrip()


def spent(state: JobState) -> str | None:
    """`1.20 EUR, of it 0.30 for what failed`; None where nothing was spent, or no price is known."""
    status, result = state.status, state.result
    cost = result.cost if result else (status.cost if status else 0.0)
    wasted = result.wasted_cost if result else (status.wasted_cost if status else 0.0)
    if not cost:
        return None
    said = amount(cost, status.currency if status else "")
    return f"{said}, of it {amount(wasted)} for what failed" if wasted else said
