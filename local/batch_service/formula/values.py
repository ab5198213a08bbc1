"""Values of the autoscale language: doubles, time intervals, vectors, and sampled metrics."""

from dataclasses import dataclass


class FormulaError(Exception):
    """The formula is wrong: syntax, types, unknown names or limits."""


class SampleError(FormulaError):
    """The formula asks for samples that do not exist."""


class Interval(float):
    """Seconds, but typed, so that `5 + TimeInterval_Minute` is an error as it is in Batch."""


@dataclass(frozen=True)
class Samples:
    """A metric's history: (age in seconds, value) pairs, newest first, taken about every `period` seconds."""

    values: tuple[tuple[float, float], ...] = ()
    period: float = 30.0  # Batch samples about every 30 seconds (autoscale documentation)

    def last(self) -> float:
        """The last recorded value: what a bare metric name means."""
        if not self.values:
            raise SampleError("the metric has no samples")
        return self.values[0][1]

    def window(self, bounds: list[Interval]) -> tuple[list[float], float]:
        """Values whose age lies within the bounds (one bound: from now on back) and the window's length in seconds."""
        low, high = (0.0, bounds[0]) if len(bounds) == 1 else (min(bounds), max(bounds))
        return [value for age, value in self.values if low <= age <= high], high - low

    def percent(self, bounds: list[Interval]) -> float:
        """How much of the window is sampled, 0 to 100."""
        found, length = self.window(bounds)
        return min(100.0, 100.0 * len(found) / max(1.0, length / self.period))


Value = float | Interval | str | list[float] | Samples


def as_number(value: Value) -> float:
    """A double (or Interval); a metric counts as its last sample. Raises FormulaError for vectors and strings."""
    if isinstance(value, Samples):
        return value.last()
    if isinstance(value, list):
        raise FormulaError("a single number is needed here, not a vector")
    if isinstance(value, str):
        raise FormulaError(f"a number is needed here, not {value!r}")
    return value


def flatten(values: list[Value]) -> list[float]:
    """All numbers of the arguments, vectors unpacked."""
    numbers: list[float] = []
    for value in values:
        numbers.extend(value if isinstance(value, list) else [as_number(value)])
    return numbers
