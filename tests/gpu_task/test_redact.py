import logging
from pathlib import Path

from gpu_task.failures import reason
from gpu_task.log import start_log
from gpu_task.redact import redact

URL = "https://a.blob.core.windows.net/c/b?se=2026-01-01&sp=r&sig=q%2Bz4%3D&sv=2025-01-05"


def test_a_sas_loses_its_signature_and_nothing_else() -> None:
    assert redact(f"GET '{URL}' failed") == f"GET '{URL.replace('q%2Bz4%3D', 'REDACTED')}' failed"
    assert redact("?SIG=abc") == "?SIG=REDACTED"
    assert redact("AccountName=a;AccountKey=Zm9v==;x") == "AccountName=a;AccountKey=REDACTED;x"
    assert redact("design=flat") == "design=flat"


def test_reasons_are_short_and_clean() -> None:
    text = reason(ValueError(URL + "x" * 5000))

    assert text.startswith("ValueError: https://a.blob")
    assert "q%2Bz4" not in text
    assert len(text) == 2000


def test_the_log_is_clean_down_to_its_tracebacks(tmp_path: Path) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    handler = start_log(tmp_path / "task.log")
    try:
        try:
            raise RuntimeError(URL)
        except RuntimeError:
            logging.getLogger("test").exception("reading %s", URL)
        handler.flush()
        text = (tmp_path / "task.log").read_text()
    finally:
        for added in set(root.handlers) - set(before):
            root.removeHandler(added)
            added.close()
        root.setLevel(level)

    assert text.count("sig=REDACTED") >= 2
    assert "q%2Bz4" not in text
    assert "Traceback" in text
