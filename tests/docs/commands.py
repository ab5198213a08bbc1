"""What the pages for operators tell one to type: commands in `sh` blocks, one by one."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("deploy.md", "operate.md")]
HOOKS = sorted((ROOT / "infra" / "hooks").glob("*.sh"))
# What stands between one command and the next, or before the first.
_BETWEEN = {"|", "||", "&&", ";", "do", "done", "then", "fi", "if", "until", "while", "for", "{", "}", "!"}


def blocks(page: Path) -> list[str]:
    """The `sh` blocks of a Markdown page; a script is one block."""
    text = page.read_text()
    return [text] if page.suffix == ".sh" else re.findall(r"(?ms)^```sh\n(.*?)^```", text)


def commands(page: Path) -> list[list[str]]:
    """Every simple command, as words; those in $(...) as well."""
    return [words for block in blocks(page) for words in _commands(block)]


def _commands(block: str) -> Iterator[list[str]]:
    text = re.sub(r"(?m)(^|\s)#.*$", "", block).replace("\\\n", " ")
    for inner in re.findall(r"\$\(((?:[^()]|\((?:[^()])*\))*)\)", text):
        yield from _commands(inner)
    # The quotes around a substitution go with it, so that what it holds ends no word too early.
    text = re.sub(r"\$\((?:[^()]|\((?:[^()])*\))*\)", "SUBSTITUTED", text)
    lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=";|&{}")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for token in [*lexer, ";"]:
        if token in _BETWEEN or set(token) <= set(";|&{}"):
            if words:
                yield words
            words = []
        elif words or not re.fullmatch(r"\w+=.*", token):  # NAME=value before a command
            words.append(token)


def of(program: str, pages: list[Path]) -> list[list[str]]:
    """The commands of `program`, whatever runs it (`xargs -n 1 az ...`)."""
    found = [words for page in pages for words in commands(page) if program in words]
    return [words[words.index(program) :] for words in found]
