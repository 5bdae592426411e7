"""From signs to puzzles: words that are one, the answers beside them, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Puzzle
from trmcli.tasks.sudoku.borders import in_words
from trmcli.tasks.sudoku.drawn import Drawn
from trmcli.tasks.sudoku.grid import BOX_SHAPES, OTHER_BOXES, SIZES
from trmcli.tasks.sudoku.layout import LINE_OF, symbols_in
from trmcli.tasks.sudoku.rules import problems_of, repeats
from trmcli.tasks.sudoku.signs import WORD, cells_of, first_wrong, not_a_digit, symbols_of


def check_word(word: str, size: int, origin: Origin, start: int) -> None:
    """Raise InputError for the first sign of a word, after ``start`` characters, that is not of this size."""
    index = first_wrong(word, size, symbols_of(word))
    if index is not None:
        raise InputError(not_a_digit(word[index], size), origin, start + index + 1)


def word_puzzle(word: str, origin: Origin, start: int, source: str = "") -> Puzzle:
    """The puzzle that a word of the right length is."""
    size, symbols = SIZES[len(word)], symbols_of(word)
    check_word(word, size, origin, start)
    return Puzzle(cells_of(word, size, symbols), origin, LINE_OF[symbols], source=source)


def drawn_puzzle(drawn: Drawn) -> Puzzle:
    """The puzzle that is drawn, with the boxes that its borders tell, be they the usual ones or not.

    Raises:
        InputError: it has other signs than those of its size.
    """
    index = first_wrong(drawn.signs, drawn.size, symbols_of(drawn.signs))
    if index is not None:
        raise InputError(not_a_digit(drawn.signs[index], drawn.size), *drawn.places[index])
    cells = cells_of(drawn.signs, drawn.size, symbols_of(drawn.signs))
    return Puzzle(cells, drawn.places[0][0], drawn.layout, boxes=drawn.boxes)


def check_givens(puzzle: Puzzle) -> None:
    """Raise InputError if they contradict each other."""
    for problem in repeats(puzzle.cells, puzzle.boxes):
        size, hint = len(puzzle.cells), ""
        other = None if puzzle.boxes else OTHER_BOXES.get(size)
        if other and not any(repeats(puzzle.cells, other)):
            hint = (
                f", with boxes of {in_words(BOX_SHAPES[size])}: if boxes of {in_words(other)} are meant, draw"
                " their borders"
            )
        raise InputError(problem.message + hint, puzzle.origin)


def is_answer(puzzle: Puzzle, word: str) -> bool:
    """Whether a word that follows a puzzle is its answer, right or wrong, and not another puzzle."""
    if len(word) != puzzle.cells.size:
        return False
    cells = cells_of(word, len(puzzle.cells), symbols_in(puzzle.layout))
    return bool((cells == puzzle.cells).all() if puzzle.cells.all() else cells.all())


def with_answer(puzzle: Puzzle, word: str, origin: Origin, start: int) -> Puzzle:
    """The puzzle with the answer given. Where nothing else tells its boxes, the answer may.

    Raises:
        InputError: it is wrong.
    """
    size = len(puzzle.cells)
    if len(word) != size * size:
        raise InputError(f"the answer has {len(word)} cells, the question {size * size}", origin, start + 1)
    check_word(word, size, origin, start)
    answer = cells_of(word, size, symbols_in(puzzle.layout))
    wrong = problems_of(puzzle.cells, answer, puzzle.boxes)
    other = None if puzzle.boxes else OTHER_BOXES.get(size)
    if wrong and other and not problems_of(puzzle.cells, answer, other):
        return replace(puzzle, answer=answer, boxes=other)
    if wrong:
        raise InputError(f"the answer given is wrong: {wrong[0].message}", origin, start + 1)
    return replace(puzzle, answer=answer)


def wrong_length(word: str, origin: Origin, start: int) -> NoReturn:
    """Say why a word is not a puzzle: it is longer or shorter, or has a foreign sign."""
    if len(word) in SIZES:
        check_word(word, SIZES[len(word)], origin, start)
    for column, sign in enumerate(word, start=start + 1):
        if WORD.fullmatch(sign) is None:
            raise InputError(f"{sign!r} is neither a digit nor a blank of a Sudoku", origin, column)
    largest = max((int(sign) for sign in word if sign in "123456789"), default=0)
    near = [area for area in SIZES if 10 * abs(area - len(word)) <= area and SIZES[area] >= largest]
    if not near:
        message = f"a Sudoku on one line has 16, 36, 81 or 256 cells, this line has {len(word)}"
        raise InputError(message, origin, start + len(word))
    [area] = near
    size = SIZES[area]
    check_word(word, size, origin, start)
    column = start + min(len(word), area) + 1
    raise InputError(f"a {size}x{size} puzzle has {area} cells, this line has {len(word)}", origin, column)
