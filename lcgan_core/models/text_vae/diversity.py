"""How varied a set of texts is."""

from __future__ import annotations

from collections.abc import Sequence

from ...sample_kinds.bleu import bleu


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct n-grams as a share of all n-grams (Li et al. 2016). Higher is more diverse; falls as the set grows."""
    grams = [gram for text in texts for gram in zip(*(text.split()[i:] for i in range(n)), strict=False)]
    return len(set(grams)) / max(1, len(grams))


def self_bleu(texts: Sequence[str], most: int = 200) -> float:
    """Mean BLEU in percent of each of the first ``most`` texts against the others (Zhu et al. 2018). Lower is more diverse."""
    texts = list(texts[:most])
    others = ([*texts[:i], *texts[i + 1 :]] for i in range(len(texts)))
    each = [bleu([text], [rest], effective_order=True) for text, rest in zip(texts, others, strict=True)]
    return 100 * sum(each) / max(1, len(each))
