"""Gives every ``lcgan`` command hostile input, and looks for tracebacks, for what was accepted, and for half-written folders.

    python benchmarks/hostile.py --cases 300

Each case is generated from a seed: options with values that nobody can mean, broken files of settings, labels and texts,
rewards that misbehave, run folders with a byte flipped or a file gone, and odd input lines. It runs in a process of its own,
on the toy model of the tests. Right is one line that says what is wrong; where a run folder was damaged, also what the whole
one prints.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kill import GAN, SETTINGS, install

LIMIT = 120
"""Seconds for a case."""
LONGEST = 6000
"""Characters of an error message."""
TOY = ("--model", "linear:4", "--samples", "50", *GAN)
RUN = ("run", *TOY, "--out", "out")
NUMBERS = (
    "NaN",
    "-1",
    "inf",
    "-Infinity",
    "1e400",
    "1e99",
    "99999999999999999999999",
    "",
    " ",
    "0x10",
    "1,5",
    "½",
    "[]",
    "{}",
    "null",
)
TEXTS = (
    "",
    " ",
    "-",
    "--",
    "..",
    "../..",
    "/",
    "a" * 300,
    "a/" * 2000,
    "\x1b[2J",
    "\udcff",
    "%s{}",
    "$(id)",
    "'; --",
    "[red]",
    "❤" * 90,
)
JUNK = (
    b"",
    b"\0",
    b"\xff\xfe\0",
    b"{",
    b"[[[[",
    b'{"a":',
    b"\x89PNG\r\n",
    b"PK\x03\x04",
    b'a,b\n"',
    b"\xef\xbb\xbf",
    b"\n" * 500,
)
WRONG_REWARDS = (
    "return None",
    "return 1",
    "return samples",
    "return [2.0 for _ in samples]",
    "return [float('nan') for _ in samples]",
    "return ['yes' for _ in samples]",
    "return [[0, 1] for _ in samples]",
    "return {}",
    "return (x for x in [])",
    "return [0.5] * (len(samples) + 1)",
    "raise SystemExit(0)",
    "raise KeyboardInterrupt",
    "raise BaseException('x')",
    "raise MemoryError",
    "raise GeneratorExit",
    "return f(samples)",
    "import sys; sys.exit('done')",
    "samples.clear(); return []",
    "return [complex(1, 1) for _ in samples]",
    "return [10 ** 400 for _ in samples]",
    "yield 1",
)
WRONG_FILES = (
    "def f(:\n",
    "\0",
    "import nothing_at_all\n",
    "raise SystemExit(0)\n",
    "f = 3\n",
    "class f: pass\n",
    "",
    "async def f(s): return []\n",
)


class Case(NamedTuple):
    """A command with its standard input; ``accepted`` is what it may print if it does not refuse."""

    arguments: tuple[str, ...]
    files: Mapping[str, bytes | None] = MappingProxyType({})
    """Contents of files in the working directory; None removes the file."""
    given: bytes = b""
    accepted: str | None = None
    may_succeed: bool = False


def cases(seed: int, whole: Path, printed: dict[tuple[str, ...], str]) -> Iterator[Case]:
    """Cases without end, each kind in its turn; ``printed`` is what commands print about the ``whole`` run."""
    chance = random.Random(seed)
    kinds: tuple[Callable[[], Case], ...] = (
        lambda: wrong_option(chance),
        lambda: wrong_setting(chance),
        lambda: wrong_config(chance),
        lambda: wrong_labels(chance),
        lambda: wrong_reward(chance),
        lambda: damaged_run(chance, whole, printed),
        lambda: odd_lines(chance),
        lambda: wrong_corpus(chance),
    )
    while True:
        for kind in kinds:
            yield kind()


def wrong_option(chance: random.Random) -> Case:
    command, option = chance.choice(
        [
            (("sample", "whole"), "-n"),
            (("sample", "whole"), "--seed"),
            (("sample", "whole"), "--sampler"),
            (("sample", "whole"), "--device"),
            (("edit", "whole", "1,1,1,1"), "--strength"),
            (("edit", "whole", "1,1,1,1"), "--candidates"),
            (("interpolate", "whole", "0,0,0,0", "1,1,1,1"), "--steps"),
            (("bench", "whole"), "-n"),
            (("bench", "whole"), "--seeds"),
            (("check", "linear:4"), "-n"),
            (("label", "mine.csv", "--model", "linear:4"), "-n"),
            (("label", "mine.csv", "--model", "linear:4"), "--seed"),
            (("studio", "mine.csv", "--model", "linear:4"), "--port"),
            ((*RUN, "-c", "half-space"), "--seed"),
            ((*RUN, "-c", "half-space"), "--samples"),
            ((*RUN, "-c", "half-space"), "--weight"),
            (("curve", "labels.csv", "--judge", "half-space"), "--sizes"),
            (("curve", "labels.csv", "--judge", "half-space"), "--seeds"),
            (("pretrain", "corpus.txt", "--out", "out"), "--set"),
            (("constraints",), "--threads"),
            (("try", "length", "good"), "--kind"),
            (("new-plugin", "realism"), "--out"),
        ]
    )
    value = chance.choice(NUMBERS + TEXTS)
    before = (option, value) if option == "--threads" else ()
    return Case((*before, *command, *(() if before else (option, value))))


def wrong_setting(chance: random.Random) -> Case:
    from lcgan_core.engine.networks import GanConfig
    from lcgan_core.models.text_vae.pretraining.recipe import PretrainConfig

    def of(kind: Any) -> str:
        numbers = [name for name, info in kind.model_fields.items() if info.annotation in (int, float)]
        return f"{chance.choice(numbers)}={chance.choice(NUMBERS)}"

    return chance.choice(
        [
            Case((*RUN, "-c", "half-space", "--set", f"gan.{of(GanConfig)}")),
            Case(("pretrain", "corpus.txt", "--out", "out", "--set", of(PretrainConfig))),
            Case((*RUN, "-c", f"{chance.choice(TEXTS)}=half-space=")),
            Case((*RUN, "-c", chance.choice(TEXTS))),
            Case((*RUN, "-c", f"{chance.choice(TEXTS)}:f")),
            Case(("run", "-c", "length", "--model", chance.choice(TEXTS) or "none", "--out", "out")),
            Case(("try", "length", "good", "--set", f"max_words={chance.choice(NUMBERS)}")),
            Case(("new-plugin", chance.choice(TEXTS))),
        ]
    )


def wrong_config(chance: random.Random) -> Case:
    asked: dict[str, Any] = {"model": "linear:4", "constraints": [{"constraint": "half-space"}], "samples": 50}
    field = chance.choice([*asked, "seed", "gan", "critics", "extra"])
    if field != "gan":  # of the default settings, a run takes minutes
        asked["gan"] = {name: int(value) for name, value in (setting.split("=") for setting in SETTINGS)}
    values: tuple[Any, ...] = (
        None,
        -1,
        1e99,
        "",
        [],
        {},
        [[]],
        [None],
        {"a": {}},
        True,
        "\u2028",
        "x" * 10**5,
        [{"constraint": 3}],
        [1] * 10**5,
    )
    name = chance.choice(("c.json", "c.toml"))
    value = chance.choice(values)
    content = json.dumps(asked | {field: "all" if field == "gan" and value == {} else value}).encode()
    if name.endswith("toml") or chance.random() < 0.3:
        content = chance.choice(
            (content[: chance.randrange(len(content))], chance.choice(JUNK), content[:20] + chance.choice(JUNK))
        )
    fine = field in ("gan", "critics", "seed", "samples", "model")  # an empty value may be the default
    return Case(("run", "--config", name, "--out", "out"), {name: content}, may_succeed=fine and name == "c.json")


def wrong_labels(chance: random.Random) -> Case:
    good = b"text,value\n" + b"".join(b'"%d,0,0,0",%d\n' % (i, i % 2) for i in range(60))
    at = chance.randrange(len(good))
    content = chance.choice(
        (chance.choice(JUNK), b"text,value\n" + chance.choice(JUNK), good[:at] + b"\xff" + good[at:], b"value\n1\n")
    )
    name = chance.choice(("labels.csv", "labels.tsv", "labels.json", "labels.jsonl", "labels.CSV", "labels"))
    return chance.choice(
        [
            Case((*RUN, "-c", "labels", "--set", f"labels.file={name}"), {name: content}),
            Case(
                ("curve", name, "--judge", "half-space", "--model", "linear:4", "--sizes", "20", "--out", "out"),
                {name: content},
            ),
            Case(
                ("label", name, "--model", "linear:4", "-n", "1"),
                {name: content},
                may_succeed=not content.strip() or content.startswith(b"text,value\n"),
            ),
        ]
    )


def wrong_reward(chance: random.Random) -> Case:
    function = f"def f(samples):\n    {chance.choice(WRONG_REWARDS)}\n"
    content = chance.choice((*WRONG_FILES, *[function] * 20))
    command = chance.choice((("try", "./w.py:f", "good", "bad"), (*RUN, "-c", "w.py:f"), ("try", "w.py:g", "good")))
    return Case(command, {"w.py": content.encode()})


def damaged_run(chance: random.Random, whole: Path, printed: dict[tuple[str, ...], str]) -> Case:
    """A run folder with one file changed: refused, or of no matter to what is printed."""
    file = chance.choice(sorted(path for path in whole.rglob("*") if path.is_file()))
    content = bytearray(file.read_bytes())
    way = chance.choice(("flip", "cut", "gone", "junk"))
    if way == "flip":
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    changed = {"flip": bytes(content), "cut": bytes(content[: len(content) // 2]), "gone": None, "junk": chance.choice(JUNK)}[
        way
    ]
    command = chance.choice(list(printed))
    return Case(command, {str(Path("whole") / file.relative_to(whole)): changed}, accepted=printed[command])


def odd_lines(chance: random.Random) -> Case:
    given = chance.choice(JUNK) + chance.choice(TEXTS).encode(errors="surrogateescape") + b"\n" + chance.choice(JUNK)
    command = chance.choice(
        (("try", "length"), ("try", "keyword", "--set", "words=x"), ("edit", "whole"), ("try", "length", "--json"))
    )
    return Case(command, given=given, may_succeed=True)


def wrong_corpus(chance: random.Random) -> Case:
    name = f"c{chance.choice(('.txt', '.csv', '.tsv', '.jsonl', '.parquet', '.txt.gz', '', '.exe'))}"
    content = chance.choice(JUNK) + (chance.choice(JUNK) * chance.randrange(20))
    return chance.choice(
        [
            Case(("pretrain", name, "--out", "out"), {name: content}),
            Case(("label", "mine.csv", "--from", name, "--model", "linear:4"), {name: content}),
            Case(("check", "linear:4", "--corpus", name), {name: content}),
        ]
    )


def outcome(case: Case, work: Path) -> str:
    """What is wrong with how a command took its case; empty if nothing is. For a process of its own, in ``work``."""
    from click.testing import CliRunner

    from lcgan_core.cli import lcgan

    os.chdir(work)
    for name, content in case.files.items():
        if content is None:
            Path(name).unlink()
        else:
            Path(name).write_bytes(content)
    ran = CliRunner().invoke(lcgan, list(case.arguments), input=case.given, prog_name="lcgan")
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        return f"{type(ran.exception).__name__}: {ran.exception!s:.300}"
    if "Traceback (most recent call last)" in ran.output:
        return f"a traceback: {ran.output[-300:]}"
    if ran.exit_code == 0 and not case.may_succeed and ran.stdout != case.accepted:
        return f"accepted: {ran.stdout[:200]!r}"
    if ran.exit_code not in (0, 1, 2):
        return f"status {ran.exit_code}"
    if ran.exit_code and ("Error: " not in ran.stderr or len(ran.stderr) > LONGEST):
        return f"an unclear message of {len(ran.stderr)} characters: {ran.stderr[:200]!r}"
    if left := [*work.rglob("*unfinished"), *(path for path in work.glob("out") if path.is_dir() and not any(path.iterdir()))]:
        return f"left behind: {left}"
    if ran.exit_code and (work / "out" / "result.json").exists():
        return "a failed run looks finished"
    return ""


def apart(case: Case, work: Path) -> str:
    """``outcome`` in a process of its own, which may crash or hang."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = outcome(case, work)
        except BaseException as error:
            told = f"escaped: {type(error).__name__}: {error}"
        os.write(writing, told.encode(errors="backslashreplace"))
        os._exit(0)
    os.close(writing)
    end = time.monotonic() + LIMIT
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"no end after {LIMIT} s"
        time.sleep(0.02)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode() or (f"crashed with {ended[1]}" if ended[1] else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one case")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        (top / "site").mkdir()
        install(top / "site")
        sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
        from click.testing import CliRunner

        from lcgan_core.cli import lcgan

        os.environ["OMP_NUM_THREADS"] = "1"  # a process that has computed with several cannot be forked
        os.chdir(top)
        made = CliRunner().invoke(lcgan, ["run", "-c", "half-space", *TOY, "--out", "whole"], catch_exceptions=False)
        assert made.exit_code == 0, made.output
        commands = (("sample", "whole", "-n", "5"), ("edit", "whole", "1,1,1,1"), ("sample", "whole", "--sampler", "rejection"))
        printed: dict[tuple[str, ...], str] = {command: CliRunner().invoke(lcgan, list(command)).stdout for command in commands}
        wrong = 0
        for number, case in zip(range(asked.cases), cases(asked.seed, top / "whole", printed), strict=False):
            if asked.only not in (None, number):
                continue
            work = top / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            shutil.copytree(top / "whole", work / "whole")
            (work / "corpus.txt").write_text("the soup was hot .\n" * 3, encoding="utf-8")
            if told := apart(case, work):
                wrong += 1
                shown = " ".join(f"{argument!r:.60}" for argument in case.arguments)
                print(f"{number}: lcgan {shown}\n   files {dict(case.files)!s:.300}\n   {told}", flush=True)
        print(f"{asked.cases - wrong} of {asked.cases} were answered as they should be")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
