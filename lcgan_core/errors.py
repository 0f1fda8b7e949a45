"""All errors that lcgan raises on purpose.

    LcganError
    ├── ConstraintError      a constraint is unknown, misconfigured, or returned unusable values
    ├── PluginError          a plugin could not be loaded or made
    ├── CorpusError          a corpus is missing, empty or unreadable
    ├── ModelError           a model folder or weights file is missing, damaged or foreign
    ├── SampleError          a sample is of the wrong kind, or its file cannot be read
    ├── RunError             a run folder is incomplete, or does not fit the request
    └── TrainingError        training cannot go on: no signal to learn from, or it diverged

The library raises these errors; only the command line turns them into messages and exit codes. Every message says what was
wrong, where, and what to do next.
"""


class LcganError(Exception):
    """Base of every error that lcgan raises on purpose."""


class ConstraintError(LcganError):
    """A constraint is unknown, misconfigured, or returned unusable values."""


class PluginError(LcganError):
    """A plugin could not be loaded or made."""


class CorpusError(LcganError):
    """A corpus is missing, empty or unreadable."""


class ModelError(LcganError):
    """A model folder or weights file is missing, damaged or foreign."""


class SampleError(LcganError):
    """A sample is of the wrong kind, or its file cannot be read."""


class RunError(LcganError):
    """A run folder is incomplete, or does not fit the request."""


class TrainingError(LcganError):
    """Training cannot go on: there is nothing to learn from, or it diverged."""
