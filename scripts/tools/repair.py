"""Set aside every output that is not as it was written, so that a call that needs it makes it anew.

    python -m scripts.tools.repair [FOLDER]

FOLDER is the working directory of the workflow, by default this one. Jobs do this with what they
read; nobody else may where the Snakefile is read, and what a round decided is read there.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.core.checksums import damage, set_aside, summed


def repair(results: Path) -> Iterator[str]:
    """A sentence for each damaged output. What is published is left to the next call, which
    publishes it again."""
    for folder in sorted({file.parent for file in results.rglob(".*.sha256")}):
        if folder.parent != results / "audits":
            for output in summed(folder):
                if file := damage(output):
                    yield f"`{file}` is not as it was written{set_aside(output)}"


def main(folder: Path) -> None:
    damaged = list(repair(folder / "results"))
    for sentence in damaged:
        print(sentence)
    print("a call that needs it makes it anew" if damaged else "every output is as it was written")


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else "."))
