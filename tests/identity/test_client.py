"""The client with an account's URL: the identity of this machine, and what it says where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.local_stack import ROOT, make_clip
from tests.identity.deployed_stack import DeployedStack, without_azure

pytestmark = pytest.mark.timeout(120)


def client(stack: DeployedStack, identity: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    where = ["--endpoint", stack.url, "--storage", stack.endpoints["data_storage"], "--key", stack.key]
    environment = without_azure(dict(os.environ)) | identity
    command = [sys.executable, "-m", "client", *where, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_it_submits_and_fetches_by_identity(deployed: DeployedStack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "by-client.mp4", frames=6, size=(64, 48), sound=False)
    out = tmp_path / "out"
    done = client(deployed, deployed.identity, "submit", str(clip), "--scorer", "identity", "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert deployed.endpoints["data_storage"].startswith("https://")
    assert json.loads(done.stdout.splitlines()[-1])["frames_done"] == 6
    assert (out / "video.mp4").stat().st_size > 0


def test_where_no_credential_works_it_says_what_to_do(deployed: DeployedStack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=1, size=(64, 48), sound=False)
    # Of the chain that DefaultAzureCredential is, the one that needs no program of Azure's and no network.
    nobody = deployed.identity | {"AZURE_CLIENT_ID": "nobody", "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}
    refused = client(deployed, nobody, "submit", str(clip), "--scorer", "identity")
    assert refused.returncode == 2
    assert "no Azure credential of this machine works; run az login" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert deployed.identity["IDENTITY_HEADER"] not in refused.stderr
