"""The job's custom status: what `GET /api/jobs/<job>` and the Durable status API show."""

from dataclasses import dataclass
from datetime import UTC, datetime

from durabletask.task import OrchestrationContext

from contracts.fit import FitProgress
from contracts.job import StartInput
from contracts.plan import node_cost
from contracts.status import JobResult, JobStatus, Phase
from contracts.steps import ChunkReport, Ended, FitPlanned, FitReport, Planned, Policy, Probed


@dataclass(frozen=True)
class FitBegan:
    """When, and at which step, a fit was first heard of; `job` is the one that fits, where it is another."""

    at: datetime
    step: int
    job: str | None


class StatusBoard:
    """Holds the status of one run and shows every change of it."""

    def __init__(self, ctx: OrchestrationContext, start: StartInput) -> None:
        self._ctx = ctx
        self._status = JobStatus(video=start.request.video, style=start.request.style)
        self._fit = self._scored = ChunkReport(ok=True, chunks=0)
        self._fit_since: FitBegan | None = None
        self._scoring_since: datetime | None = None
        self._policy: Policy | None = None

    def phase(self, phase: Phase) -> None:
        self._show(phase=phase)

    def probed(self, probed: Probed) -> None:
        self._policy = probed.policy
        self._show(frames=probed.frames, currency=probed.policy.currency)

    def planned(self, planned: Planned) -> None:
        self._show(chunks=planned.chunks, expected_seconds=planned.expected_seconds)

    def fit_planned(self, planned: FitPlanned) -> None:
        self._policy = planned.policy
        self._show(expected_seconds=planned.expected_seconds, currency=planned.policy.currency)

    def fitting(self, fit: FitProgress | None) -> None:
        """How far the fit is that the job waits for. Where nothing is known now, what was known of its own stays; that
        of another job is over."""
        known = self._status.fit
        if fit is not None:
            self._show(fit=fit.model_copy(update={"seconds_left": self._fit_seconds_left(fit)}))
        elif known is not None and known.job is not None:
            self._show(fit=None)

    def prepared(self, fit: FitReport) -> None:
        self._fit = fit
        self._show(fit=fit.fit or self._status.fit, retries=fit.retries, **self._money(fit))

    def scoring(self) -> None:
        self._scoring_since = self._ctx.current_utc_datetime
        self._show(phase="scoring")

    def scored(self, total: ChunkReport, measured: int) -> None:
        """Frames of finished chunks count, and those that running tasks have told of."""
        done = max(total.frames, measured, self._status.frames_done)
        self._show(
            chunks_done=total.chunks,
            frames_done=min(done, self._status.frames),
            retries=self._fit.retries + total.retries,
            bad_frames=total.bad_frames,
            bad_runs=total.bad_runs,
            seconds_left=self._seconds_left(done),
            **self._money(self._fit, total),
        )

    def stitching(self, scored: ChunkReport) -> None:
        self._scored = scored
        self._show(phase="stitching", **self._money(self._fit, scored))

    def finished(self, result: JobResult) -> None:
        self._show(
            phase="finished",
            output=result.output,
            seconds_left=0.0,
            makespan=result.makespan,
            cost=result.cost,
            wasted_seconds=result.wasted_seconds,
            wasted_cost=result.wasted_cost,
        )

    def failed(self, reason: str, spent: ChunkReport | None) -> None:
        """`spent` is what the part that failed had used, those before it aside."""
        money = self._money(self._fit, self._scored, *([spent] if spent else []))
        self._show(phase="failed", reason=reason[:4_000], seconds_left=None, **money)

    def spent(self, ended: Ended) -> None:
        """What the whole run has cost, by Batch's own times: tasks that were ended with it count as well."""
        self._show(cost=max(self._status.cost, ended.cost))

    def cost(self, task_seconds: float) -> float:
        """What `task_seconds` of GPU tasks cost; nothing before the policy is known."""
        if self._policy is None:
            return 0.0
        return round(node_cost(task_seconds, self._policy.slots_per_node, self._policy.node_price_per_hour), 6)

    def _money(self, *parts: ChunkReport) -> dict[str, float]:
        """What the finished `parts` of the job cost together; what is known of it never shrinks."""
        seconds, wasted = (sum(part.seconds for part in parts), sum(part.wasted_seconds for part in parts))
        return {
            "cost": max(self._status.cost, self.cost(seconds)),
            "wasted_seconds": max(self._status.wasted_seconds, round(wasted, 3)),
            "wasted_cost": max(self._status.wasted_cost, self.cost(wasted)),
        }

    def _seconds_left(self, done: int) -> float | None:
        if self._scoring_since is None or done <= 0:
            return None
        elapsed = (self._ctx.current_utc_datetime - self._scoring_since).total_seconds()
        return round(elapsed / done * max(0, self._status.frames - done), 1)

    def _fit_seconds_left(self, fit: FitProgress) -> float | None:
        """By the pace since the fit was first heard of; another attempt, or another job's fit, begins anew."""
        now, began = self._ctx.current_utc_datetime, self._fit_since
        if began is None or fit.step < began.step or fit.job != began.job:
            self._fit_since = FitBegan(now, fit.step, fit.job)
            return None
        elapsed = (now - began.at).total_seconds()
        if fit.step == began.step:
            return None
        left = elapsed / (fit.step - began.step) * (fit.steps - fit.step)
        limit = self._policy.fit_max_seconds if self._policy else left
        return round(max(0.0, min(left, limit - elapsed)), 1)

    def _show(self, **changes: object) -> None:
        phase = changes.get("phase")
        if phase is not None:
            changes["began"] = {**self._status.began, phase: _unix_seconds(self._ctx.current_utc_datetime)}
        self._status = self._status.model_copy(update=changes)
        self._ctx.set_custom_status(self._status.model_dump(mode="json"))


def _unix_seconds(utc: datetime) -> float:
    """`utc` is without a zone, as durabletask has it, or with one."""
    return round((utc if utc.tzinfo else utc.replace(tzinfo=UTC)).timestamp(), 3)
