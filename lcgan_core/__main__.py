"""Where the ``lcgan`` command begins."""

import sys
from pathlib import Path

HELP = Path(__file__).with_name("help.txt")


def main() -> None:
    # Importing click takes three times as long as starting Python; the plain help does without (a test holds it to click's).
    if sys.argv[1:] in ([], ["--help"]):
        sys.stdout.write(HELP.read_text(encoding="utf-8"))
        return
    from .cli import lcgan

    lcgan()


if __name__ == "__main__":
    main()
