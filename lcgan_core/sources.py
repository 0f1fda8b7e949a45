"""The code behind a constraint: the files that it is made of, and the place in them that an error came from."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import Distribution, entry_points, version
from pathlib import Path
from traceback import extract_tb
from types import CodeType

CORE = Path(__file__).parent
LONGEST_NAME = 200
"""Strings in the source that are longer are not taken for the names of files. Arbitrary."""


@cache
def code_of(kind: type) -> str:
    """Identifies what ``kind`` does: a hash of the files of its module and of its base classes' modules.

    Those files are the source; all of its package, or the modules beside it that it imports; data files that the source names
    or that its distribution installs; and the version of that distribution. Computed once for a class, since a class does not
    change when its file does.
    """
    modules = {base.__module__: base for base in kind.__mro__ if not _is_base(base.__module__)}
    return _hashed(part for name, base in sorted(modules.items()) for part in _parts(name, base))


def code_in(file: Path) -> str:
    """Identifies what the Python file does, together with the modules and data beside it that it uses."""
    return _hashed(_contents(files_of(file), file.parent))


def files_of(file: Path) -> list[Path]:
    """``file``, the modules and packages that it imports from beside it, from its own package or from the working directory,
    directly or through others, and the data they name."""
    file = file.resolve()
    found, left = {file}, [file]
    installed = is_library(file)
    roots = [file.parent] if installed else [file.parent, Path.cwd()]
    while left:
        source = left.pop()
        try:
            tree = ast.parse(source.read_bytes())
        except (OSError, ValueError, SyntaxError):
            continue
        beside = set(_named_files(tree, source.parent))
        for level, name in _imported(tree):
            if 0 < level <= len(source.parents):  # from its own package
                beside |= set(_module(source.parents[level - 1], name, packages=True))
            elif not level and name.partition(".")[0] != CORE.name:
                for root in roots:  # a package among installed ones is someone else's
                    beside |= set(_module(root, name, packages=not installed))
        if (package := source.with_name("__init__.py")).is_file() and not installed:
            beside.add(package)
        left += [new for new in sorted(beside - found) if new.suffix == ".py"]
        found |= beside
    return sorted(found)


def place_of(error: BaseException) -> str:
    """Where in the user's own code ``error`` arose: `` at FILE line N``; empty if no code but lcgan's was involved.

    That is the deepest line outside of installed libraries or, for an installed constraint, the deepest in its folder.
    """
    frames = [
        frame
        for frame in extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not Path(frame.filename).is_relative_to(CORE)
    ]
    if not frames:
        return ""
    own = [frame for frame in frames if not is_library(Path(frame.filename))]
    home = Path(frames[0].filename).parent
    frame = (own or [frame for frame in frames if Path(frame.filename).parent == home])[-1]
    return f" at {frame.filename} line {frame.lineno}"


def told(error: BaseException) -> str:
    """The type of an error and what it says, if it can say anything."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # foreign errors may fail at that too
        return type(error).__name__


def _is_base(module: str) -> bool:
    ours = ("lcgan_core.constraint", "lcgan_core.options")
    return module in ("builtins", "abc", "typing", *ours) or module.partition(".")[0] == "pydantic"


def _parts(module: str, kind: type) -> Iterator[bytes]:
    """What identifies one module: names and contents of its files, and its distribution's version."""
    top = module.partition(".")[0]
    file = getattr(sys.modules.get(module), "__file__", None)
    yield module.encode()
    if top == CORE.name:
        yield version("lcgan-core").encode()
        yield from _contents([Path(file)] if file else [], CORE)
        return
    if file is None:  # typed at a prompt, or executed from a string
        for name, value in sorted(vars(kind).items()):
            if code := getattr(value, "__code__", None):
                yield name.encode()
                yield from _instructions(code)
        return
    package = getattr(sys.modules.get(top), "__path__", None)
    files = set(files_of(Path(file)))
    for folder in package or ():
        files |= set(_below(Path(folder)))
    root = Path(next(iter(package))).parent if package else Path(file).parent
    if distribution := _distribution(top):
        yield distribution.version.encode()
        # a .pth file at the top says where an editable installation lies
        own = [path for path in distribution.files or [] if len(path.parts) > 1 or path.suffix != ".pth"]
        listed = [Path(str(distribution.locate_file(path))) for path in own]
        files |= {path.resolve() for path in listed if ".dist-info" not in str(path.parent) and _is_content(path)}
    yield from _contents(sorted(files), root)


def _distribution(top: str) -> Distribution | None:
    """The distribution whose entry point names a module below ``top``."""
    points = [point for point in entry_points(group="lcgan") if point.value.partition(":")[0].split(".")[0].strip() == top]
    return points[0].dist if points else None


def _contents(files: Iterable[Path], root: Path) -> Iterator[bytes]:
    for file in files:
        try:
            hashed = _hash_of(file, file.stat().st_mtime_ns, file.stat().st_size)
        except OSError:
            continue
        yield Path(os.path.relpath(file, root.resolve())).as_posix().encode()
        yield hashed


@cache
def _hash_of(file: Path, modified: int, size: int) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()


def _hashed(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def _instructions(code: CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr((code.co_names, [each for each in code.co_consts if not isinstance(each, CodeType)])).encode()
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _instructions(each)


def _imported(tree: ast.AST) -> set[tuple[int, str]]:
    """The names that may be modules, each with the number of dots before it: ``from ..a import b`` is 2 and ``a.b``."""
    names: set[tuple[int, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {(0, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {(node.level, f"{node.module}.{alias.name}" if node.module else alias.name) for alias in node.names}
    return names


def _module(root: Path, name: str, packages: bool) -> Iterator[Path]:
    """The file of the module ``name`` below ``root``, or, of the first package on the way to it, all files."""
    place = root
    for part in name.split("."):
        if (module := place / f"{part}.py").is_file():
            yield module.resolve()
            return
        place /= part
        if not packages or not place.is_dir():
            return
        if (place / "__init__.py").is_file():
            yield from _below(place)
            return


def _named_files(tree: ast.AST, folder: Path) -> Iterator[Path]:
    """The files that strings of the source name: in its folder, a named folder in that, or the working directory."""
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names = sorted(name for name in strings if 0 < len(name) <= LONGEST_NAME and name.isprintable())
    folders = [folder, Path.cwd(), *(folder / name for name in names if _is_folder(folder / name))]
    for name in names:
        for parent in folders:
            if _is_content(parent / name):
                yield (parent / name).resolve()


def _below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (path.resolve() for name in names if _is_content(path := Path(parent, name)))


def _is_content(path: Path) -> bool:
    try:
        return path.is_file() and path.suffix not in (".pyc", ".pyo") and "__pycache__" not in path.parts
    except OSError:  # a name that the file system refuses
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def is_library(file: Path) -> bool:
    """Whether the file is part of Python or of an installed package."""
    if {"site-packages", "dist-packages"} & set(file.parts):
        return True
    return file.is_relative_to(sysconfig.get_path("stdlib"))
