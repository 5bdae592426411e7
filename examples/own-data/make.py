"""Three problems that trm knows nothing of, as files of pairs: python examples/own-data/make.py [FOLDER]

- ``fill.jsonl``: walls in a 10x10 grid of numbers. The answer fills what they enclose.
- ``latin.csv``: Latin squares of letters with open cells, each with one solution.
- ``double.jsonl``: grids of 1x1 to 4x5 cells. The answer is twice as high and twice as wide.
"""

import csv
import json
import random
import sys
from pathlib import Path

Grid = list[list[int]]


def fill(rng: random.Random, size: int = 10) -> tuple[Grid, Grid]:
    """0 is open and 1 is wall; what cannot be reached from the border becomes 2."""
    grid = [[0] * size for _ in range(size)]
    for _ in range(rng.randint(1, 4)):
        height, width = rng.randint(3, 7), rng.randint(3, 7)
        top, left = rng.randint(0, size - height), rng.randint(0, size - width)
        for row in range(top, top + height):
            for column in range(left, left + width):
                if row in (top, top + height - 1) or column in (left, left + width - 1):
                    grid[row][column] = 1
        if rng.random() < 0.3:  # a gap
            grid[top][left + rng.randrange(width)] = 0
    answer = [[2 if cell == 0 else cell for cell in row] for row in grid]
    edge = [(row, column) for row in range(size) for column in range(size)]
    reached = [
        (row, column) for row, column in edge if {row, column} & {0, size - 1} and not grid[row][column]
    ]
    while reached:
        row, column = reached.pop()
        if 0 <= row < size and 0 <= column < size and answer[row][column] == 2:
            answer[row][column] = 0
            reached += [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return grid, answer


def latin(rng: random.Random, letters: str = "ABCDE") -> tuple[str, str]:
    """A square in which every row and column has every letter once, and the same with open cells."""
    size = len(letters)
    rows, columns, names = (rng.sample(range(size), size) for _ in range(3))
    square = ["".join(letters[names[(row + column) % size]] for column in columns) for row in rows]
    question = list("".join(square))
    for cell in rng.sample(range(size * size), size * size):
        before, question[cell] = question[cell], "."
        if len(completions("".join(question), letters)) > 1 or question.count(".") > rng.randint(12, 17):
            question[cell] = before
    text = "".join(question)
    return "/".join(text[n : n + size] for n in range(0, size * size, size)), "/".join(square)


def completions(text: str, letters: str, most: int = 2) -> list[str]:
    """Up to ``most`` ways to fill the open cells."""
    size = len(letters)
    cells = [cell for cell, sign in enumerate(text) if sign == "."]
    if not cells:
        return [text]

    def possible(cell: int) -> list[str]:
        row, column = cell // size * size, cell % size
        return [sign for sign in letters if sign not in text[row : row + size] + text[column::size]]

    cell = min(cells, key=lambda one: len(possible(one)))
    found: list[str] = []
    for sign in possible(cell):
        found += completions(text[:cell] + sign + text[cell + 1 :], letters, most - len(found))
        if len(found) >= most:
            break
    return found


def double(rng: random.Random) -> tuple[Grid, Grid]:
    """Every cell becomes four."""
    height, width = rng.randint(1, 4), rng.randint(1, 5)
    grid = [[rng.randint(0, 4) for _ in range(width)] for _ in range(height)]
    return grid, [[grid[row // 2][column // 2] for column in range(2 * width)] for row in range(2 * height)]


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for name, make, count in (("fill", fill, 3000), ("double", double, 4000)):
        rng = random.Random(name)
        lines = [json.dumps(dict(zip(("input", "output"), make(rng), strict=True))) for _ in range(count)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rng = random.Random("latin")
    with (folder / "latin.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("question", "answer"), *(latin(rng) for _ in range(3000))])


if __name__ == "__main__":
    main()
