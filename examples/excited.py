def excited(texts: list[str]) -> list[bool]:
    """Texts that end in an exclamation mark."""
    return [text.endswith("!") for text in texts]
