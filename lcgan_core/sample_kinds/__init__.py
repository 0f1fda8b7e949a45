"""What a sample is, independent of any model: text, an image, a pen drawing. A plugin can add another kind."""

from .base import FileKind, SampleKind
from .images import Images
from .strokes import Strokes
from .text import Text

__all__ = ["FileKind", "Images", "SampleKind", "Strokes", "Text"]
