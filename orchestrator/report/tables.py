# SPDX-License-Identifier: Apache-2.0
"""Tables for people: a rule below the headings and no other lines, and no cell is ever cut off."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table  # noqa: TID251 - the one that is made safe here


class PlainTable(Table):
    """A table whose cells go on in the next line where the console is narrow; rich alone would cut them."""

    def __init__(self, *headings: Any, **settings: Any) -> None:
        usual = {"box": SIMPLE_HEAD, "show_edge": False, "pad_edge": False, "title_justify": "left"}
        super().__init__(*headings, **{**usual, **settings})

    def add_column(self, *args: Any, **settings: Any) -> None:
        """Add a column; its text is folded, unless it is told otherwise."""
        super().add_column(*args, **{"overflow": "fold", **settings})
