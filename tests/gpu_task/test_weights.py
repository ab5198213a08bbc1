import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gpu_task.network import StyleNetwork
from gpu_task.weights import read_weights, write_weights
from tests.gpu_task.conftest import ROOT

NOTES = {str(number): "note" for number in range(12)}


def test_weights_come_back_as_they_were_but_for_rounding(tmp_path: Path) -> None:
    network = StyleNetwork()
    write_weights(network, tmp_path / "file", NOTES)

    found = read_weights(tmp_path / "file").state_dict()

    assert found.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        assert torch.allclose(found[name], value, atol=1e-3)


@pytest.mark.timeout(120)
def test_equal_weights_give_equal_bytes_in_every_process(tmp_path: Path) -> None:
    source, copy = tmp_path / "file", tmp_path / "copy"
    write_weights(StyleNetwork(), source, NOTES)
    program = "import sys; from pathlib import Path; from gpu_task.weights import read_weights, write_weights; "
    program += "write_weights(read_weights(Path(sys.argv[1])), Path(sys.argv[2]), {str(n): 'note' for n in range(12)})"

    subprocess.run([sys.executable, "-c", program, source, copy], cwd=ROOT, check=True, timeout=100)

    assert copy.read_bytes() == source.read_bytes()
