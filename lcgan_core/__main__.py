"""Where the ``lcgan`` command begins."""

import os
import sys
from pathlib import Path

HELP = Path(__file__).parent / "cli" / "help.txt"


def main() -> None:
    # Importing click takes three times as long as starting Python; what people and shells ask for often does without it.
    # A test holds the plain help to click's own.
    completing = "_LCGAN_COMPLETE" in os.environ  # a shell asks click for its completions, with no arguments
    if sys.argv[1:] in ([], ["--help"]) and not completing:
        sys.stdout.write(HELP.read_text(encoding="utf-8"))
        return
    if sys.argv[1:] in (["plugins"], ["plugins", "--json"]):
        from .plugins.listing import as_text, kept_rows

        rows = kept_rows()
        if rows is not None:
            sys.stdout.write(as_text(rows, as_json="--json" in sys.argv))
            return
    from .cli import lcgan

    lcgan()


if __name__ == "__main__":
    main()
