"""The help of every command: it fits 80 columns, loses no word, and its examples are right."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, get_args

import pytest
import typer
from support import Run

from trmcli.cli.app import FUNCTIONS, SUMMARIES, app
from trmcli.solving.choices import CompileName, Halt, Select, Strategy

ROOT: Any = typer.main.get_command(app)
CHOICES = {"strategy": Strategy, "halt": Halt, "select": Select, "compile": CompileName}


def contexts(parent: Any) -> Iterator[Any]:
    """The context of a command and those of all commands below it."""
    yield parent
    for name, command in getattr(parent.command, "commands", {}).items():
        yield from contexts(typer.Context(command, parent=parent, info_name=name))


EVERY = list(contexts(typer.Context(ROOT, info_name="trm", help_option_names=["-h", "--help"])))
every_command = pytest.mark.parametrize("context", EVERY, ids=lambda context: context.command_path)


def help_of(context: Any, monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    text: str = context.command.get_help(context)
    return text


def words(text: str) -> list[str]:
    return re.sub("[│╭╮╰╯─]", " ", text).split()


@every_command
def test_help_fits_80_columns_and_names_no_types(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = help_of(context, monkeypatch)
    assert max(map(len, text.splitlines())) <= 80
    assert not set("<>…`") & set(re.sub("> answers.txt", "", text))
    assert not {"INTEGER", "TEXT", "FLOAT", "PATH"} & set(words(text))


@every_command
def test_help_says_every_word(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On 80 columns as on 1000, and what an option is for in one piece."""
    said = " ".join(words(help_of(context, monkeypatch)))
    assert said == " ".join(words(help_of(context, monkeypatch, 1000)))
    assert " ".join((context.command.help or "").split()) in said
    for parameter in context.command.get_params(context):
        assert parameter.help, parameter.name
        assert set(parameter.opts) <= {*re.split("[ ,/]+", said)} or parameter.metavar in said
        assert " ".join(parameter.help.split()) in " ".join(said.split())


@every_command
def test_examples_stand_as_they_are_typed_within_78_columns(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (context.command.epilog or "").strip("\n").splitlines()
    assert lines[0] == "Examples:"
    assert max(map(len, lines)) <= 78
    assert help_of(context, monkeypatch, 60).splitlines()[-len(lines) :] == lines


def commands_of(line: str) -> Iterator[list[str]]:
    """The words of every trm in a line of shell, without redirections and comments."""
    for piece in " ".join(shlex.split(line, comments=True)).split(" | "):
        piece = re.sub(r"^torchrun .* -m trmcli ", "trm ", piece)
        name, *arguments = piece.partition(" > ")[0].split()
        if name == "trm":
            yield arguments


def parse(context: Any, arguments: list[str]) -> None:
    """Read a command line, and all of its commands, without running any.

    Raises:
        InputError, UsageError: it is wrong.
    """
    command = context.command.make_context(context.info_name, list(arguments), parent=context.parent)
    if commands := getattr(command.command, "commands", None):
        rest = [*command._protected_args, *command.args]
        assert rest[0] in commands
        parse(typer.Context(commands[rest[0]], parent=command, info_name=rest[0]), rest[1:])


@every_command
def test_examples_are_command_lines_that_trm_understands(context: Any) -> None:
    lines = [line.strip() for line in context.command.epilog.splitlines()[2:] if line.startswith("  ")]
    examples = [arguments for line in lines for arguments in commands_of(line)]
    assert len(examples) >= 2
    for arguments in examples:
        if "--help" in arguments:
            arguments.remove("--help")
        parse(EVERY[0], arguments)


def test_a_wrong_example_would_be_seen() -> None:
    for line in ("trm train sudoku --outt x", "trm eval - --limit 0", "cat x | trm convert"):
        with pytest.raises(Exception, match=r"--outt|whole number|checkpoint"):
            parse(EVERY[0], next(commands_of(line)))


@every_command
def test_help_names_the_choices_of_an_option(context: Any) -> None:
    for parameter in context.command.get_params(context):
        for choice in get_args(CHOICES.get(parameter.name)):
            assert re.search(rf"\b{choice}\b", parameter.help), (parameter.name, choice)


@every_command
def test_h_is_help_everywhere(context: Any) -> None:
    assert {"-h", "--help"} == set(context.command.get_params(context)[-1].opts)


def test_the_help_of_trm_says_of_each_command_what_its_own_help_says() -> None:
    assert list(SUMMARIES) == list(FUNCTIONS) == ROOT.list_commands(EVERY[0])
    for name, command in ROOT.commands.items():
        first, _, _ = cleandoc(command.help).partition("\n\n")
        assert SUMMARIES[name] == " ".join(first.split())


def test_the_help_of_trm_loads_no_command(trm: Run) -> None:
    done = trm("--help", PYTHONPROFILEIMPORTTIME="1")
    loaded = set(re.findall(r"\| +(trmcli\.cli\.\w+)", done.stderr))
    assert "trmcli.cli.app" in loaded and not loaded & {f"trmcli.cli.{name}" for name in SUMMARIES}
