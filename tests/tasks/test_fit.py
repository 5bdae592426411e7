"""Whether weights can take a puzzle, where the kind is another version than theirs."""

import pytest

from trmcli.errors import InputError
from trmcli.tasks.fit import check_fit
from trmcli.tasks.kinds import get_task
from trmcli.tasks.reading import read_puzzles


@pytest.mark.parametrize("task", ["maze", "sudoku"])
def test_relations_that_the_kind_does_not_have_are_named(task: str) -> None:
    kind = get_task(task)
    text = "S.\n.G" if task == "maze" else "1...\n..2.\n.3..\n...4"
    _, puzzle = next(read_puzzles([text], task))
    had = [[relation.name, relation.kind] for relation in kind.relations(puzzle.shape)]
    check_fit(kind, puzzle, {"relations": had})
    check_fit(kind, puzzle, {})
    with pytest.raises(InputError, match=f"need the relation 'up7', and {task} has {had[0][0]}, "):
        check_fit(kind, puzzle, {"relations": [*had, ["up7", "neighbours"]]})
