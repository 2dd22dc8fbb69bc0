# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or not there, and models as JSON that is safe to print."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from orchestrator.files.folder import Folder
from orchestrator.text.plain import json_plain, named

_SURROGATES = re.compile("[\ud800-\udfff]")


def json_text(model: BaseModel) -> str:
    """A model as indented JSON that is safe to print: guests may have a hand in its text."""
    try:
        text = model.model_dump_json(indent=2)
    except PydanticSerializationError:  # a file name that is no text
        dumped = json.dumps(model.model_dump(mode="json"), indent=2, ensure_ascii=False)
        text = _SURROGATES.sub(lambda found: named(found[0]), dumped)
    return json_plain(text) + "\n"


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` by `data` so that a reader sees the old or the new content, never half."""
    Folder(path.parent).replace(path.name, data)
