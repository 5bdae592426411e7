"""Solve puzzles with the Python API, and watch one of them step by step.

Run it with: python examples/solve_from_python.py
"""

from pathlib import Path

import trmcli

SUDOKU = Path(__file__).parent / "sudoku"

solver = trmcli.load("sudoku-small")

# A file of puzzles (or the puzzle itself as text): one checked answer after another.
answers = list(trmcli.solve(SUDOKU / "batch.txt", solver=solver))
solved = sum(answer.checked for answer in answers)
print(f"{solved} of {len(answers)} solved and checked, {sum(a.steps for a in answers)} supervision steps")

# One puzzle, one supervision step after another.
task, puzzle = next(trmcli.read_puzzles(SUDOKU / "hard.txt"))
for frame in trmcli.watch(solver, puzzle, trmcli.SearchConfig(tries=32)):
    wrong = task.rules.verify(puzzle.cells, frame.cells)
    print(
        f"try {frame.attempt} step {frame.step}: mean confidence {frame.confidence.mean():.3f}, "
        f"halting probability {frame.halt:.3f}, {len(wrong.problems)} broken rules"
    )
print(task.text.write(puzzle, frame.cells))
