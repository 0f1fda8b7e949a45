"""Rewards that need no plugin: ``./file.py:function`` and ``package.module:function``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, get_args

from ..constraint import Constraint
from ..errors import ConstraintError
from ..options import nearest
from ..sources import code_in, is_library, place_of

_loaded: dict[Path, tuple[str, ModuleType]] = {}
"""The modules of reward files, with ``code_in`` of each when it was loaded."""
_folders: list[str] = []
"""The folders that reward files added to ``sys.path``, the latest first."""
_beside: dict[str, tuple[Path, int]] = {}
"""The modules that reward files imported from their own folders, with their files and modification times."""


class Reward(Constraint):
    """A constraint around a callable ``reward(samples) -> values``."""

    reward: ClassVar[Callable[[Any], Any]]
    code: ClassVar[str]
    """``code_in`` the callable's file."""

    def __call__(self, samples: Any) -> Any:
        return type(self).reward(samples)

    @property
    def fingerprint(self) -> str:
        """Depends on the file, the modules and data beside it that it uses, and the name of the callable."""
        return self.fingerprint_of(self.name.rpartition(":")[2], type(self).code)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.name,)


def _again(name: str) -> Constraint:
    return reward_class(name)()


def names_a_reward(name: str) -> bool:
    """Whether ``name`` has the form ``FILE.py:NAME``, or ``PACKAGE.MODULE:NAME`` with a package that can be found."""
    where, _, what = name.rpartition(":")
    return bool(what) and (where.endswith(".py") or _is_module(where))


def reward_class(name: str) -> type[Constraint]:
    """The constraint class behind ``FILE.py:NAME`` or ``PACKAGE.MODULE:NAME``.

    ``NAME`` is anything that can be called with samples, or a ``Constraint`` class, which is returned as it is. Raises
    ``ConstraintError`` if the module is missing or broken, or has no such callable.
    """
    where, _, what = name.rpartition(":")
    module = _of_file(Path(where).expanduser()) if where.endswith(".py") else _of_name(where)
    try:
        found = attrgetter(what)(module)
    except AttributeError:
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        listed = ", ".join(sorted(known)) or "none"
        raise ConstraintError(f"No function in {where} {what!r}{nearest(what, known)}. There are: {listed}.") from None
    if inspect.isclass(found):
        if issubclass(found, Constraint):
            if not hasattr(found, "name"):
                raise ConstraintError(f'{name} has no name. Give the class one: name = "{found.__name__.lower()}".')
            return found
        raise ConstraintError(f"{name} is a class. Make an object of it in {where}, and give that object's name.")
    if not callable(found):
        raise ConstraintError(f"{name} is a {type(found).__name__}, which cannot be called. Give a function of the samples.")
    if inspect.iscoroutinefunction(found):
        raise ConstraintError(f"{name} is an async function. Give one that returns the values: asyncio.run() inside it.")
    file = getattr(module, "__file__", None)
    members: dict[str, Any] = {
        "__doc__": inspect.getdoc(found),
        "__module__": __name__,
        "__annotations__": {},
        "name": name,
        "reward": staticmethod(found),
        "may_abstain": _may_abstain(found),
        "code": code_in(Path(file)) if file else "",
    }
    made: type[Constraint] = type(Reward)("Reward", (Reward,), members)  # type: ignore[misc]
    return made


def _may_abstain(function: Callable[..., Any]) -> bool:
    """Whether the function declares that it may return None for a sample: ``-> list[float | None]``."""
    try:
        returned = inspect.signature(function, eval_str=True).return_annotation
    except (NameError, TypeError, ValueError, SyntaxError):  # no signature, or names in it that only a type checker knows
        return False
    return any(part is type(None) for values in get_args(returned) for part in get_args(values))


def _is_module(where: str) -> bool:
    if not all(part.isidentifier() for part in where.split(".")):
        return False
    try:
        return importlib.util.find_spec(where.partition(".")[0]) is not None or _in_working_directory(where)
    except (ImportError, ValueError):
        return False


def _in_working_directory(where: str) -> bool:
    top = Path(where.partition(".")[0])
    return top.with_suffix(".py").is_file() or top.is_dir()


def _of_name(where: str) -> ModuleType:
    if _in_working_directory(where) and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        return importlib.import_module(where)
    except (Exception, SystemExit) as error:
        raise ConstraintError(f"{where} cannot be imported: {type(error).__name__}: {error}{place_of(error)}") from error


def _of_file(path: Path) -> ModuleType:
    """The module of a reward file, importable by its name unless another module has that name, so that pickling works."""
    if not path.is_file():
        raise ConstraintError(f"No file {path}. Write it as ./FILE.py:FUNCTION, from the working directory.")
    file = path.resolve()
    code = code_in(file)
    if file in _loaded and _loaded[file][0] == code:
        return _loaded[file][1]
    _look_beside(file)
    name = file.stem if _is_free(file) else f"lcgan_file_{file.stem}_{code}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = set(sys.modules)
    sys.modules[name] = module  # dataclasses and pickle look modules up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConstraintError(f"{path} cannot be imported: {type(error).__name__}: {error}{place_of(error)}") from error
    for new in set(sys.modules) - before:
        origin = getattr(sys.modules[new], "__file__", None)
        if origin and Path(origin).is_relative_to(file.parent) and not is_library(Path(origin)):
            _beside[new] = Path(origin), Path(origin).stat().st_mtime_ns
    _loaded[file] = code, module
    return module


def _look_beside(file: Path) -> None:
    """Lets ``file`` import modules from its own folder: after installed ones, but before those of other reward files."""
    folder = str(file.parent)
    if folder in _folders or folder not in sys.path:
        kept = [place for place in sys.path if place not in _folders]
        if folder in _folders:
            _folders.remove(folder)
        _folders.insert(0, folder)
        sys.path[:] = [*kept, *_folders]
    importlib.invalidate_caches()
    for name, (origin, changed) in list(_beside.items()):
        if not (origin.is_file() and origin.is_relative_to(folder) and origin.stat().st_mtime_ns == changed):
            sys.modules.pop(name, None)  # from another file's folder, or outdated by an edit
            del _beside[name]


def _is_free(file: Path) -> bool:
    if not file.stem.isidentifier() or file.stem in sys.modules:
        return False
    try:
        spec = importlib.util.find_spec(file.stem)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == file
