"""What a finished job has published beside its video. The doors read it, too, so nothing of media is loaded for it."""

from azure.core.exceptions import ResourceNotFoundError
from pydantic import ValidationError

from activities.storage import data_account
from contracts import layout
from contracts.layout import LEDGER_NAME, PROVENANCE_NAME
from contracts.ledger import Ledger, LedgerIncomplete
from contracts.provenance import Provenance

REMEDY = "name another base, or score the whole video"


class NoBase(Exception):
    """There is no result to reuse; the message says why."""


def read_published(base: str) -> tuple[Provenance, Ledger]:
    """What job `base` published beside its video.

    Raises:
        NoBase: it has published nothing, or in another form.
    """
    data = data_account()
    try:
        provenance = data.read_json(layout.OUTPUTS, layout.output_blob(base, PROVENANCE_NAME), Provenance)
        ledger = data.read_json(layout.OUTPUTS, layout.output_blob(base, LEDGER_NAME), Ledger)
        ledger.require_complete()
        return provenance, ledger
    except ResourceNotFoundError:
        raise NoBase(f"no finished job of that name in container {layout.OUTPUTS!r}; {REMEDY}") from None
    except LedgerIncomplete as error:
        raise NoBase(f"its ledger.json is damaged, {error}; {REMEDY}") from None
    except ValidationError as error:
        raise NoBase(
            f"its result was published by another version ({error.error_count()} differences); {REMEDY}"
        ) from None
