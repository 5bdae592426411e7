"""The Sudoku files that the figures name, made of the three collections that come with tdoku.

Run it with: git clone https://github.com/t-dillon/tdoku && (cd tdoku && unzip data.zip)
             python benchmarks/hard_puzzles.py tdoku/data

It writes hard_eval.csv.gz and hard_train.csv.gz, and the sources of the former: 17clue.csv, magictour.csv
and forum.csv. A puzzle's hash says which file it belongs to. Rows stand in the order of the hashes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
from collections import Counter
from itertools import islice
from multiprocessing import Pool
from pathlib import Path

from trmcli.tasks.sudoku.search import Search

COLLECTIONS = {
    "17clue": "puzzles2_17_clue",
    "magictour": "puzzles3_magictour_top1465",
    "forum_hardest_11": "puzzles5_forum_hardest_1905_11+",
}
SINGLE = {"17clue": "17clue.csv", "magictour": "magictour.csv", "forum_hardest_11": "forum.csv"}


def hashed(question: str) -> int:
    """The SHA-256 of 81 digits, 0 for an open cell."""
    return int(hashlib.sha256(question.encode()).hexdigest(), 16)


def part(source: str, question: str) -> str | None:
    """``eval``, ``train``, or None for a puzzle that is in neither."""
    remainder = hashed(question) % 10
    if source == "magictour":  # nothing of it is for training
        return "eval" if remainder < 5 else None
    return {0: None, 1: "eval"}.get(remainder, "train")


def questions(path: Path) -> set[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line[:81].replace(".", "0") for line in lines if line.strip() and not line.startswith("#")}


def row(item: tuple[str, str]) -> str:
    """``source,question,answer,rating``; the rating is the number of guesses of a plain search."""
    source, question = item
    search = Search(9)
    start = search.start(list(map(int, question)))
    found = [] if start is None else list(islice(search.solutions(*start), 2))
    if len(found) != 1:
        raise SystemExit(f"{source}: {question} has no single solution")
    answer = "".join(map(str, search.digits(found[0])))
    return f"{source},{question.replace('0', '.')},{answer},{search.guesses}\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="tdoku's folder data, unpacked")
    parser.add_argument("--out", type=Path, default=Path(), help="where to write")
    parser.add_argument("--processes", type=int, help="by default one a processor")
    asked = parser.parse_args()
    missing = [name for name in COLLECTIONS.values() if not (asked.folder / name).is_file()]
    if missing:
        parser.error(f"{asked.folder} has no {missing[0]}: unpack tdoku's data.zip, and name its folder data")
    parts: dict[str, list[tuple[str, str]]] = {"eval": [], "train": []}
    for source, name in COLLECTIONS.items():
        for question in questions(asked.folder / name):
            if (belongs := part(source, question)) is not None:
                parts[belongs].append((source, question))
    header = "source,question,answer,rating\n"
    with Pool(asked.processes) as pool:
        for belongs, items in parts.items():
            items.sort(key=lambda item: hashed(item[1]))
            rows = list(pool.imap(row, items, chunksize=64))
            with gzip.open(asked.out / f"hard_{belongs}.csv.gz", "wt", encoding="utf-8") as file:
                file.writelines([header, *rows])
            print(f"hard_{belongs}.csv.gz: {dict(Counter(source for source, _ in items))}", flush=True)
            for source, name in SINGLE.items() if belongs == "eval" else ():
                own = [line for line in rows if line.startswith(f"{source},")]
                (asked.out / name).write_text(header + "".join(own), encoding="utf-8")


if __name__ == "__main__":
    main()
