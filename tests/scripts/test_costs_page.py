"""docs/costs.md says what the functions say."""

import re

import pytest

from scripts.costs_page import PAGE, TABLES, filled


def test_the_page_holds_every_table_as_the_functions_make_it_now() -> None:
    text = PAGE.read_text()
    assert filled(text) == text, "run: python -m scripts.costs_page"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_was_changed_by_hand_is_written_anew(name: str) -> None:
    text = PAGE.read_text()
    row = TABLES[name]().splitlines()[2]
    assert filled(text.replace(row, "| nonsense |")) == text


def test_a_page_without_a_tables_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks <!-- gpu -->"):
        filled(PAGE.read_text().replace("<!-- gpu -->", ""))


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)", PAGE.read_text())
    assert links
    assert not [link for link in links if not (PAGE.parent / link).exists()]
