"""What each kind of sample is: its identity, its forms, its files, and how close two samples are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from lcgan_core.errors import CorpusError, SampleError
from lcgan_core.sample_kinds import FileKind, Images, SampleKind, Strokes, Text

TEXTS = ["the soup was cold .", "<b>5 < 6</b>", "naïve café ☕"]
GREY = np.arange(40 * 40, dtype=np.uint8).reshape(40, 40)
"""Abbreviated by NumPy like any other of its size that begins and ends the same."""
COLOUR = np.stack([GREY, GREY.T, 255 - GREY], axis=2)
HOUSE = [(10, 40, 0), (0, -20.5, 0), (15, -10, 0), (15, 10, 0), (0, 20.1, 1), (-20, -12, 1), (5, 0, 0), (0, 7, 1)]
"""Walls and roof, a dot, and a door handle."""
EXAMPLES = [(Text(), TEXTS), (Images(), [GREY, COLOUR, 255 - GREY]), (Strokes(), [HOUSE, HOUSE[:4], HOUSE[::-1]])]
ids = ["text", "images", "strokes"]


@pytest.mark.parametrize(("kind", "samples"), EXAMPLES, ids=ids)
def test_every_kind_keeps_to_its_contract(kind: SampleKind[Any], samples: list[Any], tmp_path: Path) -> None:
    keys = [kind.key(sample) for sample in samples]
    assert len(set(keys)) == 3
    assert kind.distinct([*samples, *samples]) == samples
    assert kind.unique([samples[0], samples[1], samples[0], samples[0]]) == 0.5
    assert all("\n" not in kind.line(sample) for sample in samples)
    kind.save(samples, tmp_path / "saved")
    (only,) = [tmp_path / "saved"] if kind.in_files else (tmp_path / "saved").iterdir()
    assert [kind.key(sample) for sample in kind.load(only)] == keys
    kept = [kind.keep(sample, tmp_path / "kept") for sample in samples]
    assert [kind.key(kind.parse(text, tmp_path / "kept")) for text in kept] == keys
    assert kind.keep(samples[0], tmp_path / "kept") == kept[0], "the same sample is kept once"
    assert kind.closeness(samples, samples) == pytest.approx([1, 1, 1])
    apart = kind.closeness(samples, [*samples[1:], samples[0]])
    assert all(0 <= value < 0.9 for value in apart)
    html = kind.html(samples[1])
    assert "src=http" not in html
    ElementTree.fromstring(f"<p>{html.replace('style=image-rendering:pixelated>', '/>')}</p>")


@pytest.mark.parametrize(("kind", "sample"), [(Images(), GREY), (Strokes(), HOUSE)], ids=ids[1:])
def test_a_killed_process_leaves_no_broken_sample(
    kind: FileKind[Any], sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(self: FileKind[Any], sample: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(kind), "write", half)
        with pytest.raises(KeyboardInterrupt):
            kind.keep(sample, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 0)  # another process
        kept = kind.keep(sample, tmp_path)
    assert [kind.key(found) for found in kind.load(tmp_path / "samples")] == [kind.key(sample)]
    assert (tmp_path / kept).is_file()


def test_keys_are_the_same_in_another_process() -> None:
    program = (
        "import sys; sys.path.insert(0, 'tests'); from test_sample_kinds import *; print([k.key(s[0]) for k, s in EXAMPLES])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str([kind.key(samples[0]) for kind, samples in EXAMPLES])


def test_texts_are_shown_escaped_and_changed_words_marked() -> None:
    kind = Text()
    assert kind.html("<script>a</script>\nb") == "&lt;script&gt;a&lt;/script&gt;<br>b"
    assert kind.html_change("the soup was cold", "the <soup> was warm") == (
        "the <mark>&lt;soup&gt;</mark> was <mark>warm</mark>"
    )
    assert kind.line("two\nlines") == "two lines"
    with pytest.raises(SampleError, match="A text is a str, not ndarray"):
        kind.key(GREY)  # type: ignore[arg-type]


def test_texts_of_several_lines_are_saved_as_jsonl(tmp_path: Path) -> None:
    kind, texts = Text(), ["two\nlines", "", "é"]
    (file,) = kind.save(texts, tmp_path)
    assert file.name == "samples.jsonl"
    assert [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").split("\n")[:-1]] == texts
    with pytest.raises(CorpusError, match="has no column 'review'"):
        kind.load(file, "review")


def test_an_image_is_its_pixels_whatever_holds_them() -> None:
    kind = Images()
    as_tensor = torch.from_numpy(COLOUR.transpose(2, 0, 1).copy())
    forms = [COLOUR, Image.fromarray(COLOUR), as_tensor, as_tensor / 255, as_tensor.double() / 255]
    assert len({kind.key(form) for form in forms}) == 1
    grey = [GREY, GREY[:, :, None], Image.fromarray(GREY), torch.from_numpy(GREY), (torch.from_numpy(GREY) / 255)[None]]
    assert len({kind.key(form) for form in grey}) == 1
    one_pixel = GREY.copy()
    one_pixel[20, 20] += 1
    assert str(one_pixel) == str(GREY)
    assert kind.key(one_pixel) != kind.key(GREY)
    assert kind.key(GREY[:20]) != kind.key(GREY[:20].reshape(40, 20)), "the same pixels in another shape"
    assert kind.key(np.eye(3, dtype=bool)) == kind.key(np.eye(3))
    assert kind.line(COLOUR).endswith("40 x 40, colour")


@pytest.mark.parametrize(
    "wrong", ["a text", [1.5], np.zeros((3, 40, 40)), np.full((4, 4), -0.5), np.full((4, 4), 300), np.zeros((0, 4))]
)
def test_what_is_no_image_is_said_to_be_none(wrong: Any) -> None:
    with pytest.raises(SampleError, match="image"):
        Images().key(wrong)


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "I;16", "LA"])
def test_images_of_other_modes_are_read(mode: str, tmp_path: Path) -> None:
    kind = Images()
    image = Image.fromarray(GREY).convert("L" if mode == "I;16" else "RGB").convert(mode)
    assert kind.html(image).startswith("<img")
    path = tmp_path / "image.tif"
    image.save(path)
    assert kind.key(kind.parse(str(path))) == kind.key(image)


def test_a_file_is_read_as_the_model_has_its_images(tmp_path: Path) -> None:
    Image.new("RGB", (100, 50), (255, 0, 0)).save(tmp_path / "wide.png")
    (array,) = Images("L", (28, 28)).load(tmp_path / "wide.png")
    assert (array.shape, array.dtype) == ((28, 28), np.uint8)
    (tensor,) = Images("RGB", (8, 4), "tensor").load(tmp_path / "wide.png")
    assert tensor.shape == (3, 4, 8)
    assert tensor[:, 0, 0].tolist() == [1, 0, 0]
    pil = Images(form="pil").parse("wide.png", tmp_path)
    assert (pil.size, pil.mode) == ((100, 50), "RGB")


def test_images_grow_less_close_the_more_they_are_changed() -> None:
    kind, chance = Images(), np.random.default_rng(0)
    changed = [np.clip(GREY + chance.normal(0, std, GREY.shape), 0, 255).astype(np.uint8) for std in (0, 10, 40, 160)]
    close = kind.closeness([GREY] * 4, changed)
    assert close == sorted(close, reverse=True)
    assert close[0] == pytest.approx(1)
    assert close[3] < 0.5
    assert kind.closeness([GREY, GREY, GREY[:3, :3]], [COLOUR, 255 - GREY, GREY[:3, :3]]) == pytest.approx([0, 0, 1], abs=1e-6)


def test_a_strip_shows_samples_side_by_side() -> None:
    strip = Images().strip([GREY, COLOUR, GREY[:20, :20]])
    assert strip.shape == (40, 120, 3)
    assert (strip[:, :40, 0] == GREY).all()
    assert (strip[:, 40:80] == COLOUR).all()
    drawn = Strokes().strip([HOUSE, HOUSE[:4], []])
    assert len(drawn) == len(HOUSE) + 4
    assert drawn[:, 2].sum() == 4, "the pen is up between the drawings"
    assert drawn[1:8, :2] == pytest.approx(np.array(HOUSE)[1:, :2], abs=1e-5)
    across = drawn[:, 0].cumsum()
    assert across[: len(HOUSE)].max() < across[len(HOUSE) :].min()
    pens = [re.search(r'stroke-width="([\d.]+)"', Strokes().svg(one)) for one in (HOUSE, Strokes().strip([HOUSE] * 9))]
    one, row = (float(pen[1]) for pen in pens if pen)
    assert one <= row <= 2 * one, "lines are not as thick as the row is long"


def test_a_drawing_is_its_movements_whatever_holds_them(tmp_path: Path) -> None:
    kind = Strokes()
    forms = [HOUSE, np.array(HOUSE), torch.tensor(HOUSE), [(dx, dy, bool(up)) for dx, dy, up in HOUSE]]
    assert len({kind.key(form) for form in forms}) == 1
    assert kind.key([*HOUSE[:-1], (0, 7, 0)]) == kind.key(HOUSE), "the pen is up after the last movement"
    assert kind.line(HOUSE).endswith("strokes 3, points 8")
    rough = np.random.default_rng(0).normal(size=(500, 3)) * np.geomspace(1e-6, 1e4, 500)[:, None]
    for drawing in (rough, rough[:1], rough[:0]):
        (file,) = kind.save([drawing], tmp_path)
        assert kind.key(kind.parse(str(file))) == kind.key(drawing)
        assert kind.html(drawing).startswith("<svg")
    (tmp_path / "house.json").write_text(json.dumps(HOUSE), encoding="utf-8")
    assert kind.key(kind.parse("house.json", tmp_path)) == kind.key(HOUSE)


def test_an_svg_of_straight_lines_by_another_program_is_read(tmp_path: Path) -> None:
    file = tmp_path / "lines.svg"
    file.write_text(
        '<svg><path d="M10 10 H20v10L1e1,20Z m5 5-2 .5"/><polyline points="1,1 2,2"/></svg>',
        encoding="utf-8",
    )
    moves = Strokes().parse(str(file)).tolist()
    square = [[10, 10, 0], [10, 0, 0], [0, 10, 0], [-10, 0, 0], [0, -10, 1]]
    assert moves == [*square, [5, 5, 0], [-2, 0.5, 1], [-12, -14.5, 0], [1, 1, 1]]


def test_drawings_are_close_where_their_ink_is() -> None:
    kind = Strokes()
    lines = [
        (10, 40, 0),
        (0, -10, 0),
        (0, -10.5, 0),
        (15, -10, 0),
        (15, 10, 0),
        (0, 20.1, 1),
        (-20, -12, 1),
        (5, 0, 0),
        (0, 7, 1),
    ]
    shifted = [(10.5, 40, 0), *HOUSE[1:]]
    half, elsewhere = HOUSE[:3], [(500, 500, 0), (3, 3, 1)]
    same, near, part, none = kind.closeness([HOUSE] * 4, [lines, shifted, half, elsewhere])
    assert same == pytest.approx(1)
    assert 0.9 < near < 1
    assert 0.2 < part < 0.8
    assert none < 0.05
    assert kind.closeness([[], []], [np.zeros((0, 3)), HOUSE]) == [1, 0]


@pytest.mark.parametrize("wrong", ["a text", GREY, [(1, 2)], [(1, float("nan"), 0)], None])
def test_what_is_no_drawing_is_said_to_be_none(wrong: Any) -> None:
    with pytest.raises(SampleError, match="drawing"):
        Strokes().key(wrong)


@pytest.mark.parametrize(
    ("kind", "name", "content", "message"),
    [
        (Images(), "none.png", None, r"No file .*none\.png\. A sample of the kind images must be a file: \.png, \.jpg"),
        (Images(), "notes.txt", "a", r"notes\.txt: a file of the kind images must end in \.png"),
        (Images(), "cut.png", "PNG", r"cut\.png cannot be read as images"),
        (Strokes(), "cut.svg", "<svg", r"cut\.svg cannot be read as strokes"),
        (Strokes(), "none.svg", "<svg/>", "has no path and no polyline"),
        (Strokes(), "curve.svg", "<svg><path d='M1 1C1 2 3 4 5 6'/></svg>", r"has a curve \(C\)"),
        (Strokes(), "shape.svg", "<svg><path d='M1 1L2 2'/><rect width='3' height='4'/></svg>", "has a <rect>.* Convert it to"),
        (Strokes(), "odd.svg", "<svg><path d='M1 1 2'/></svg>", "no number"),
        (Strokes(), "moved.svg", "<svg><g transform='scale(2)'><path d='M1 1'/></g></svg>", "has a transform"),
        (Strokes(), "pairs.json", "[[1, 2]]", "three numbers per movement"),
    ],
)
def test_a_file_that_does_not_serve(
    kind: SampleKind[Any], name: str, content: str | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(SampleError, match=message):
        kind.parse(name, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SampleError, match="contains no file that ends in"):
        kind.load(tmp_path / "empty")


def test_importing_the_kinds_is_light() -> None:
    program = "import sys, lcgan_core.sample_kinds; print(*{'torch', 'numpy', 'PIL', 'datasets'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
