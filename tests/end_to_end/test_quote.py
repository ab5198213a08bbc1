"""A quote against the job that follows it: the real client, the real app, the same clip."""

from pathlib import Path

import pytest

from contracts.provenance import Provenance
from contracts.quote import Quote
from tests.end_to_end.client_program import client
from tests.end_to_end.local_stack import LocalStack

pytestmark = pytest.mark.timeout(300)


def test_a_quote_is_what_the_job_then_plans_before_and_after_something_was_measured(
    stack: LocalStack, clip: Path, tmp_path: Path
) -> None:
    wanted = [str(clip), "--scorer", "identity", "--max-dimension", "100"]
    sources: list[str] = []
    for size in ("20", "15"):  # another job each time
        code, told, _ = client(stack, "quote", *wanted, "--chunk-size", size)
        assert code == 0, told
        code, done, _ = client(stack, "submit", *wanted, "--chunk-size", size, "--watch")
        assert (code, done["status"]) == (0, "finished")
        plan = Provenance.model_validate_json(stack.download(done["provenance"], tmp_path / size).read_text()).plan

        quote = Quote.model_validate({name: told[name] for name in Quote.model_fields})
        assert quote.figures == plan.figures
        assert quote.expected_seconds == plan.expected_seconds == done["expected_seconds"]
        assert quote.expected_cost == plan.expected_cost
        assert (quote.frames, quote.chunks, quote.execution) == (60, len(plan.chunks), plan.execution)
        assert (quote.width, quote.height) == plan.figures.frame_size
        sources.append(quote.figures.source)
    assert sources[0] != sources[1] == "measured"


def test_a_quote_starts_nothing(stack: LocalStack, clip: Path) -> None:
    before = len(stack.jobs())
    code, told, _ = client(stack, "quote", str(clip), "--scorer", "identity", "--max-dimension", "32")
    assert (code, told["limits"], told["price"]) == (0, [], None)  # this stack has no price
    code, refused, _ = client(stack, "quote", str(clip), "--style", "no-such-style")
    assert code == 2
    assert "there is no style 'no-such-style'" in refused["error"]
    assert len(stack.jobs()) == before
