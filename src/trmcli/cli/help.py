"""Help that one reads: options in groups, what each takes beside its name, examples as they are typed.

Commands and groups of commands are made of these classes. typer's own help prints a type beside each option
(``<bool>``, ``<int range> [x>=1]``), which leaves little room for words, and breaks the lines of examples.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

from trmcli.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MOST_COLUMNS = 100
"""Longer lines are hard to read."""

OTHERS = "Options"
"""The heading of options that belong to no group; --help joins the last group that there is."""


class Command(TyperCommand):
    """A command with help as this module writes it, none of whose arguments and options may be empty."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_help(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = list(args)
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            _refuse_empty(self.get_params(ctx), self.make_parser(ctx).parse_args(given)[0])
        return rest


def _refuse_empty(parameters: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Raise InputError for an empty value, as of a variable of the shell that is not set: it says nothing."""
    for parameter in parameters:
        value = given.get(parameter.name)
        values = value if isinstance(value, (list, tuple)) else (value,)
        if not any(isinstance(one, str) and not one.strip() for one in values):
            continue
        if parameter.param_type_name == "option":
            raise InputError(f"is empty: give {parameter.metavar}", max(parameter.opts, key=len))
        if parameter.nargs != 1:
            raise InputError("an empty argument is neither a file nor a puzzle")
        raise InputError("is empty", parameter.metavar)


class Group(TyperGroup):
    """A group of commands; alone it prints its help, and for a wrong name it knows a right one."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_help(self, ctx))

    def summary(self, name: str) -> str:
        """What the command of this name does, in one paragraph."""
        return _paragraphs(self.commands[name])[0]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            print(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands and not ctx.resilient_parsing:
            hint = did_you_mean(args[0], self.commands, "commands")
            raise InputError(f"{ctx.command_path} has no such command{hint}", args[0])
        return super().resolve_command(ctx, args)


def _help(command: Any, ctx: Any) -> str:
    from rich.console import Console

    console = Console(highlight=False)
    console = Console(highlight=False, width=min(console.width, MOST_COLUMNS))
    with console.capture() as capture:
        _print(console, command, ctx)
    return capture.get()


def _print(console: Console, command: Any, ctx: Any) -> None:
    """Usage, what the command does, its options in groups, examples."""
    from rich.padding import Padding
    from rich.text import Text

    parameters = [one for one in command.get_params(ctx) if not getattr(one, "hidden", False)]
    usage = [ctx.command_path, "[OPTIONS]", *filter(None, map(_place, parameters))]
    usage += ["COMMAND ..."] if isinstance(command, Group) else []
    console.print(Padding(Text("Usage: ", "bold").append(" ".join(usage), "not bold"), 1))
    for paragraph in _paragraphs(command):
        console.print(Padding(Text(paragraph), (0, 1, 1, 1)))

    groups: dict[str, list[tuple[Text, Text]]] = {}
    for parameter in parameters:
        last = next(reversed(groups), OTHERS) if parameter.name == "help" else OTHERS
        title = getattr(parameter, "rich_help_panel", None) or last
        groups.setdefault(title, []).append((_names(parameter), _meaning(parameter, ctx)))
    if isinstance(command, Group):
        names = command.list_commands(ctx)
        rows = [(Text(name, "bold cyan"), Text(command.summary(name))) for name in names]
        _print_group(console, "Commands", rows)
    width = max(len(left) for rows in groups.values() for left, _ in rows)
    for title, rows in groups.items():
        _print_group(console, title, rows, width)
    if command.epilog:
        console.print(Text(command.epilog.strip("\n") + "\n"), soft_wrap=True)


def _print_group(console: Console, title: str, rows: list[tuple[Text, Text]], width: int = 0) -> None:
    from rich.panel import Panel
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=width)
    table.add_column()
    for row in rows:
        table.add_row(*row)
    console.print(Panel(table, title=title, title_align="left", border_style="dim"))


def _paragraphs(command: Any) -> list[str]:
    """The command's own words, each paragraph as one line."""
    return [" ".join(part.split()) for part in inspect.cleandoc(command.help or "").split("\n\n")]


def _place(parameter: Any) -> str:
    """An argument as the usage has it, ``[FILE]...``; nothing for an option."""
    if parameter.param_type_name != "argument":
        return ""
    name: str = parameter.metavar or parameter.name.upper()
    nargs: int = parameter.nargs
    return (name if parameter.required else f"[{name}]") + "..." * (nargs != 1)


def _names(parameter: Any) -> Text:
    """How a parameter is written: ``PUZZLE``, ``-o, --output FILE``, ``--live/--no-live``."""
    from rich.text import Text

    if parameter.param_type_name == "argument":
        return Text(parameter.metavar or parameter.name.upper(), "bold yellow")
    text = Text(", ".join(sorted(parameter.opts, key=len)), "bold cyan")
    if parameter.secondary_opts:
        text.append("/" + parameter.secondary_opts[0])
    if not parameter.is_flag:
        text.append(f" {parameter.metavar or parameter.name.upper()}", "not bold yellow")
    return text


def _meaning(parameter: Any, ctx: Any) -> Text:
    """What a parameter is for, and its default unless that goes without saying."""
    from rich.text import Text

    text = Text(parameter.help or "")
    shown, default = parameter.show_default, parameter.get_default(ctx, call=False)
    if isinstance(shown, str):
        default = shown
    elif not shown or isinstance(default, bool) or not isinstance(default, (str, int, float)):
        default = ""
    if default != "":
        text.append(f" [default: {f'{default:g}' if isinstance(default, float) else default}]", "dim")
    if parameter.required:
        text.append(" [required]", "red")
    return text
