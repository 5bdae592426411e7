"""Dataclasses as groups of options, and what reads single options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import pytest
import typer
from typer.testing import CliRunner

from trmcli.cli.help import Command
from trmcli.cli.options import Effort, choice, device, real, spread, whole
from trmcli.solving.choices import MANY_TRIES, SearchConfig

Colour = Literal["red", "green"]


@dataclass(frozen=True)
class Paint:
    panel: ClassVar[str] = "How it looks"

    colour: Annotated[Colour, typer.Option(**choice(Colour), metavar="NAME", help="red or green.")] = "red"
    coats: Annotated[int, typer.Option(parser=whole(1), metavar="N", help="Layers.")] = 2


@dataclass(frozen=True)
class Thick(Paint):
    coats: Annotated[int, typer.Option(parser=whole(1), metavar="N", help="Layers.")] = 7
    gloss: Annotated[bool, typer.Option("--gloss", help="Whether it shines.")] = False


@dataclass(frozen=True)
class Needed:
    panel: ClassVar[str] = "What it is"

    name: Annotated[str, typer.Option(metavar="NAME", help="What it is called.")]


Run = Callable[..., Any]


@pytest.fixture
def run() -> tuple[Run, list[Any]]:
    """Run a command line of two commands that share options; the list holds what they were given."""
    given: list[Any] = []

    def wall(sides: Annotated[int, typer.Argument(metavar="N")] = 4, paint: Paint = Paint()) -> None:
        """Paint a wall."""
        given.extend([sides, paint])

    def door(needed: Needed, paint: Thick = Thick()) -> None:
        """Paint a door."""
        given.extend([needed, paint])

    app = typer.Typer()
    for command in (wall, door):
        app.command(cls=Command)(spread(command))
    return (lambda *arguments: CliRunner().invoke(app, arguments)), given


def test_each_field_is_one_option_and_the_command_gets_its_dataclasses(run: tuple[Run, list[Any]]) -> None:
    invoke, given = run
    assert invoke("wall", "3", "--colour", "green", "--coats", "5").exit_code == 0
    assert given == [3, Paint("green", 5)]


def test_fields_keep_their_defaults_and_a_class_that_inherits_may_change_them(
    run: tuple[Run, list[Any]],
) -> None:
    invoke, given = run
    assert invoke("wall").exit_code == invoke("door", "--name", "x", "--gloss").exit_code == 0
    assert given == [4, Paint("red", 2), Needed("x"), Thick("red", 7, True)]


def test_a_field_without_default_is_an_option_that_must_be_given(run: tuple[Run, list[Any]]) -> None:
    invoke, given = run
    done = invoke("door")
    assert done.exit_code == 2 and "--name" in done.output
    assert given == []


def test_the_class_is_a_group_of_the_help(run: tuple[Run, list[Any]]) -> None:
    lines = run[0]("door", "--help").output.splitlines()
    titles = [line.split("─ ")[1].split(" ─")[0] for line in lines if line.startswith("╭")]
    assert titles == ["What it is", "How it looks"]
    assert sum("Layers. [default: 7]" in line for line in lines) == 1


def test_a_spread_command_has_its_name_its_words_and_one_parameter_an_option() -> None:
    def wall(paint: Paint = Paint(), show: bool = False) -> None:
        """Paint a wall."""

    command = spread(wall)
    assert (command.__name__, command.__doc__) == ("wall", "Paint a wall.")
    assert list(inspect.signature(command).parameters) == ["colour", "coats", "show"]


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (whole(0), "0", 0),
        (whole(1), "12", 12),
        (whole(1), 16, 16),
        (real(0), "2.5", 2.5),
        (real(0), "0", 0.0),
        (choice(Colour)["parser"], "green", "green"),
        *((device, name, name) for name in ("auto", "cpu", "mps", "cuda", "cuda:0", "cuda:12")),
    ],
)
def test_options_are_read(read: Callable[[Any], Any], text: Any, expected: Any) -> None:
    assert read(text) == expected and type(read(text)) is type(expected)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (whole(1), "0", "'0' is not a whole number of 1 or more"),
        (whole(1), "1.5", "'1.5' is not a whole number of 1 or more"),
        (whole(0), "many", "'many' is not a whole number of 0 or more"),
        (real(0), "-1", "'-1' is not a number of 0 or more"),
        (real(0.5), "nan", "'nan' is not a number of 0.5 or more"),
        (choice(Colour)["parser"], "gren", "'gren' is not one of red, green; did you mean green?"),
        (choice(Colour)["parser"], "x", "'x' is not one of red, green"),
        (device, "cdua", "did you mean cuda?"),
        (device, "cuda:", "there is no device 'cuda:': choose auto, cpu, cuda, cuda:N or mps"),
        (device, "cuda:x", "there is no device"),
    ],
)
def test_what_an_option_cannot_be_is_said_with_what_it_can(
    read: Callable[[str], Any], text: str, message: str
) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        read(text)
    assert message in str(caught.value)


def test_how_hard_to_try_is_what_a_search_gets() -> None:
    assert Effort().config(tries=1, batch_size=64) == SearchConfig()
    given = Effort(2, False, 3.5, "mixed", "head", False, "vote", 7).config(tries=5, batch_size=6)
    assert given == SearchConfig(2, 5, "head", False, 6, 7, "mixed", "vote", 3.5)
    assert Effort(until_solved=True).config(tries=5, batch_size=6).tries == MANY_TRIES
