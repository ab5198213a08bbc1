"""What goes out is what the SDK has signed, whatever else is on the machine."""

from pathlib import Path

import pytest
import requests

from activities import transport
from gpu_task import transport as task_transport


@pytest.mark.parametrize("make", [transport.transport, task_transport.transport])
def test_a_password_in_the_users_netrc_does_not_take_the_place_of_the_signature(
    make: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine account.blob.core.windows.net login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    session = make().session  # type: ignore[operator]
    request = requests.Request("GET", "https://account.blob.core.windows.net/x", headers={"Authorization": "SharedKey"})
    assert session.prepare_request(request).headers["Authorization"] == "SharedKey"
