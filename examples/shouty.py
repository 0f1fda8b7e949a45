"""A wish as a bare function:  lcgan run --constraint examples/shouty.py:excited"""


def excited(texts: list[str]) -> list[float]:
    """Texts that end in an exclamation mark."""
    return [float(text.endswith("!")) for text in texts]
