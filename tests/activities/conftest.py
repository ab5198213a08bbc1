from collections.abc import Iterator

import pytest

from tests.azurite import Azurite
from tests.job_services import accounts_only


@pytest.fixture(scope="module")
def fit_accounts(azurite: Azurite) -> Iterator[None]:
    """The app's environment without a Batch service, and fits of three steps that need no pretrained weights."""
    with pytest.MonkeyPatch.context() as patch, accounts_only(azurite, patch, FIT_FEATURES="patches", FIT_STEPS="3"):
        yield
