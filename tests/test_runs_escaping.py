"""Text of files is shown as it is; the drills of `test_reliability_hostile` do the rest."""

import html
import re

import mistune
import pandas as pd
import pytest

from bowerbird.files import markdown_safe


@pytest.mark.parametrize("text", [r"\<img src=x onerror=alert(1)>", r"\[x](http://evil)", r"a\|b", r"\\<b>"])
def test_a_backslash_of_an_id_undoes_no_escape(text):
    """An id's own backslash before a tag, a link or a border is shown, and what follows it stays text."""
    table = markdown_safe(pd.DataFrame({"id": [text], "qty": [1]})).to_markdown(index=False)
    page = mistune.create_markdown(plugins=["table"], escape=False)(table)
    assert page.count("<td") == 2 and html.unescape(re.search(r"<td[^>]*>(.*?)</td>", page)[1]) == text
    assert not re.search(r"<(img|a|b)\b", page)
