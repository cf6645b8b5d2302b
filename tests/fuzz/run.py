"""Coverage-guided fuzzing with atheris: ``python -m tests.fuzz.run TARGET --runs 1000000``.

Atheris is no dependency of the tests; ``pip install atheris`` brings it where it has a wheel. What is found is left in
the current folder as ``crash-...``; give such a file instead of ``--runs`` to see it again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

from tests.fuzz.mutations import mutated

if TYPE_CHECKING:
    from tests.fuzz.targets import Target


def main() -> None:
    with atheris.instrument_imports(include=["bboxprep"]):
        from tests.fuzz.targets import READERS, TARGETS

        for name in READERS:
            import_module(name)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=0, help="at most; 0 for as long as it takes")
    parser.add_argument("again", nargs="?", type=Path, help="a file that was found before")
    given = parser.parse_args()
    target = TARGETS[given.target]
    if given.again:
        target(given.again.read_bytes())
        return
    with tempfile.TemporaryDirectory() as folder:
        limits = (f"-runs={given.runs}", f"-max_total_time={given.seconds}")
        options = [sys.argv[0], *limits, *_options(target, Path(folder))]
        atheris.Setup(options, target, custom_mutator=partial(_mutate, target))
        atheris.Fuzz()


def _mutate(target: Target, data: bytes, most: int, seed: int) -> bytes:
    """Half of the time by what files are made of, else by the bytes and by what was compared with them."""
    chance = random.Random(seed)
    found = mutated(data, target.words, chance) if chance.random() < 0.5 else b""
    return found if 0 < len(found) <= most else bytes(atheris.Mutate(data, most))


def _options(target: Target, folder: Path) -> list[str]:
    """What libFuzzer is told; the seeds and the words of `target` are put into `folder` for it."""
    corpus, words = folder / "corpus", folder / "words"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(seed)
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words), encoding="ascii")
    limits = (f"-max_len={target.most}", "-len_control=0", "-timeout=20", "-rss_limit_mb=4000", "-print_final_stats=1")
    return [*limits, f"-dict={words}", str(corpus)]


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
