"""Text: a Python string."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import ClassVar

from ..errors import SampleError
from ..visible import visible
from .base import SampleKind
from .bleu import bleu


class Text(SampleKind[str]):
    """Strings. A file has one text per line, or is CSV, JSONL or Parquet."""

    name: ClassVar[str] = "text"

    def key(self, sample: str) -> str:
        """The text itself."""
        if not isinstance(sample, str):
            raise SampleError(
                f"A text is a str, not {type(sample).__name__}. A latent model that makes something else declares it: "
                "sample_kind = Images(), Strokes() or its own SampleKind."
            )
        return sample

    def alike(self, sample: str) -> str:
        """The text without differences of case and spaces."""
        return " ".join(self.key(sample).split()).casefold()

    def line(self, sample: str) -> str:
        return visible(" ".join(self.key(sample).splitlines()))

    def html(self, sample: str) -> str:
        return "<br>".join(escape(visible(line)) for line in self.key(sample).splitlines())

    def html_change(self, before: str, after: str) -> str:
        """The words of ``after``; new ones are marked."""
        marked = (
            f"<mark>{escape(visible(word))}</mark>" if new else escape(visible(word))
            for word, new in changed_words(before, after)
        )
        return " ".join(marked)

    def parse(self, given: str, folder: Path = Path()) -> str:
        """``given``, unchanged."""
        return given

    def keep(self, sample: str, folder: Path, within: str = "samples") -> str:
        """The text, unchanged; writes nothing."""
        return self.key(sample)

    def load(self, path: Path, column: str = "text") -> list[str]:
        from .corpus import load_corpus

        return load_corpus(path, column)

    def save(self, samples: Sequence[str], folder: Path) -> list[Path]:
        """Writes ``samples.txt``, one text per line, or ``samples.jsonl`` if a text is empty or has several lines."""
        folder.mkdir(parents=True, exist_ok=True)
        if all(len(sample.splitlines()) == 1 for sample in samples):
            file, lines = folder / "samples.txt", list(samples)
        else:
            file, lines = folder / "samples.jsonl", [json.dumps({"text": text}, ensure_ascii=False) for text in samples]
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return [file]

    def closeness(self, before: Sequence[str], after: Sequence[str]) -> list[float]:
        """BLEU of each text in ``after`` against its counterpart in ``before``, in [0, 1] (Papineni et al. 2002).

        Words are what ``length`` counts. The longest n-grams have four words, or fewer if the text is shorter.
        """
        from .words import words

        pairs = ((" ".join(words(first)), " ".join(words(second))) for first, second in zip(before, after, strict=True))
        return [bleu([second], [[first]], effective_order=True) for first, second in pairs]


def changed_words(before: str, after: str) -> list[tuple[str, bool]]:
    """The words of ``after``, each with whether it is new compared with ``before``.

    >>> changed_words("the soup was cold", "the soup is very cold")
    [('the', False), ('soup', False), ('is', True), ('very', True), ('cold', False)]
    """
    old, new = before.split(), after.split()
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    kept = {block.b + i for block in blocks for i in range(block.size)}
    return [(word, i not in kept) for i, word in enumerate(new)]
