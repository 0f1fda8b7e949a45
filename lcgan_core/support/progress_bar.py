"""Progress bars of tqdm: widgets in a notebook, lines on standard error elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

STYLE = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"


@contextmanager
def progress_bars() -> Iterator[Callable[[str, float], None]]:
    """A function that takes a stage and the share of it that is done, and shows a bar for each stage."""
    from tqdm.auto import tqdm

    bars: dict[str, Any] = {}
    with ExitStack() as closing:

        def on_progress(what: str, share: float) -> None:
            if what not in bars:
                bars[what] = closing.enter_context(tqdm(total=1.0, desc=what, bar_format=STYLE))
            bars[what].update(share - bars[what].n)

        yield on_progress
        for bar in bars.values():
            bar.update(1.0 - bar.n)
