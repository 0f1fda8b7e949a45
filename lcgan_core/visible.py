"""Text as it is shown to people: control characters are escaped, so that no sample or name can steer a terminal or a page."""

from __future__ import annotations

import re

CONTROLS = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f"  # all of C0 and C1 but tab and newline
    "\u2028\u2029"  # end a line for some programs and not for others
    "\u202a-\u202e\u2066-\u2069"  # make text run backwards, beyond the sample
    "\ud800-\udfff]"  # halves of characters, which no encoding has
)


def visible(text: str) -> str:
    r"""``text`` with control characters as Python writes them, such as ``\x1b``. Tabs and newlines stay."""
    return CONTROLS.sub(lambda found: ascii(found.group())[1:-1], text)
