# SPDX-License-Identifier: Apache-2.0
"""`--help`: commands by what they are used for, examples, and values called what people call them.

Plain text, made without rich: it is what people ask for most often, and it has to be there at once.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup
from typer.models import CommandFunctionType

GROUPS: Final = {
    "Run": ("run", "reproduce", "search", "bisect-step", "check-patch", "shell", "attach"),
    "Read": ("report", "compare", "oom", "mail"),
    "Look": ("scenarios", "devices", "device", "validate", "schema"),
    "Look after": ("doctor", "host", "images", "clean", "test", "help"),
}
"""The commands by use, in the order of `--help`."""

_ABOUT: Final = {
    "Run": "make runs, here or elsewhere",
    "Read": "what runs left, and what others sent",
    "Look": "what there is to run",
    "Look after": "machines, the cache, this program",
}
_EXAMPLE: Final = "Example: "
_MOST_COLUMNS: Final = 100
_MOST_OF_NAMES: Final = 26
_STYLED: Final = "NO_COLOR" not in os.environ


class PageCommand(TyperCommand):
    """A command whose help is a page of ours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """What `--help` prints."""
        formatter.write(page(self, ctx))

    def collect_usage_pieces(self, _ctx: Any) -> list[str]:
        """What follows the command's name in its usage."""
        return usage_pieces(self)


class PageGroup(TyperGroup):
    """A command with commands below it, whose help is a page of ours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """What `--help` prints."""
        formatter.write(page(self, ctx))

    def collect_usage_pieces(self, _ctx: Any) -> list[str]:
        """What follows the command's name in its usage."""
        return [*usage_pieces(self), "COMMAND ..."]

    def list_commands(self, _ctx: Any) -> list[str]:
        """Those of the groups in their order, then those that are in none."""
        order = [name for names in GROUPS.values() for name in names]
        return sorted(self.commands, key=lambda name: order.index(name) if name in order else len(order))


class Commands(typer.Typer):
    """An application, or commands below one, whose helps are pages of ours."""

    def __init__(self, **settings: Any) -> None:
        given = {"cls": PageGroup, "no_args_is_help": True, "pretty_exceptions_enable": False, **settings}
        super().__init__(**given, context_settings={"help_option_names": ["-h", "--help"]})

    def command(self, *names: Any, **settings: Any) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """As typer's."""
        return super().command(*names, **{"cls": PageCommand, **settings})


def page(command: Any, ctx: Any) -> str:
    """The help of a command."""
    columns = min(shutil.get_terminal_size((80, 24)).columns, _MOST_COLUMNS)
    text, examples = _told(command.help or "")
    sections = [
        ("", _usage(f"{ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}", columns)),
        ("", [line for paragraph in text for line in ["", *_wrapped(paragraph, "", columns)]][1:]),
        ("Examples:" if len(examples) > 1 else "Example:", [f"  {example}" for example in examples]),
        *_commands(command, ctx, columns),
        ("Arguments:", _rows(_arguments(command), columns)),
        ("Options:", _rows(_options(command, ctx), columns)),
        ("", [line for line in _wrapped(command.epilog or "", "", columns) if line]),
    ]
    shown = [[*([_title(title)] if title else []), *lines] for title, lines in sections if lines]
    return "\n\n".join("\n".join(lines) for lines in shown) + "\n"


def value_word(parameter: Any) -> str:
    """What stands for the value of an option or argument in help and usage; nothing for a flag."""
    if getattr(parameter, "is_flag", False):
        return ""
    return str(parameter.metavar or (parameter.name or "").upper())


def argument_word(parameter: Any) -> str:
    """An argument in a usage: in brackets if it may be left out."""
    word = value_word(parameter)
    return word if parameter.required else f"[{word}]"


def usage_pieces(command: Any) -> list[str]:
    """Options, and every argument."""
    arguments = [argument_word(each) for each in command.params if isinstance(each, TyperArgument)]
    return ["[OPTIONS]", *arguments]


def meaning(parameter: Any) -> str:
    """The help of an option or argument, with its default where there is one to tell."""
    shown = getattr(parameter, "show_default", None)
    default = parameter.default
    if isinstance(shown, str):
        told = shown
    elif shown and not getattr(parameter, "is_flag", False) and default not in (None, (), []):
        told = str(getattr(default, "value", default))
    else:
        told = ""
    needed = " (required)" if parameter.required and not isinstance(parameter, TyperArgument) else ""
    text = parameter.help or ""
    if text.endswith(".") and not text.endswith(".."):  # typer's own options
        text = text[:1].lower() + text[1:-1]
    return f"{text}{needed}{f' (default: {told})' if told else ''}"


def _told(text: str) -> tuple[list[str], list[str]]:
    """The paragraphs of a docstring, and its examples."""
    paragraphs: list[str] = []
    examples: list[str] = []
    for paragraph in textwrap.dedent(text).strip().split("\n\n"):
        before, example, after = " ".join(paragraph.split()).partition(_EXAMPLE)
        paragraphs += [before.strip()] if before.strip() else []
        examples += [after] if example else []
    return paragraphs, examples


def _commands(command: Any, ctx: Any, columns: int) -> Iterator[tuple[str, list[str]]]:
    if not isinstance(command, TyperGroup):
        return
    names = [name for name in command.list_commands(ctx) if not command.commands[name].hidden]
    width = max(map(len, names), default=0)
    grouped = {name for group in GROUPS.values() for name in group}
    for group, members in GROUPS.items():
        if rows := [_row(command, name) for name in names if name in members and ctx.parent is None]:
            yield f"{group}: {_ABOUT[group]}", _rows(rows, columns, width)
    rest = [_row(command, name) for name in names if ctx.parent is not None or name not in grouped]
    yield "Commands:", _rows(rest, columns, width)


def _row(group: Any, name: str) -> tuple[str, str]:
    first, *_ = _told(group.commands[name].help or "")[0] or [""]
    return name, first


def _arguments(command: Any) -> list[tuple[str, str]]:
    params = [each for each in command.params if isinstance(each, TyperArgument)]
    return [(value_word(each), meaning(each)) for each in params if not each.hidden]


def _options(command: Any, ctx: Any) -> list[tuple[str, str]]:
    params = [each for each in command.get_params(ctx) if not isinstance(each, TyperArgument)]
    return [(option_words(each), meaning(each)) for each in params if not each.hidden]


def option_words(option: Any) -> str:
    """An option with all its names and what stands for its value."""
    names = ", ".join(sorted(option.opts, key=len))
    names += "".join(f" / {name}" for name in option.secondary_opts)
    return f"{names} {value_word(option)}".rstrip()


def _usage(usage: str, columns: int) -> list[str]:
    lead = "Usage: "
    return _wrapped(lead + usage, " " * len(lead), columns)


def _rows(rows: Sequence[tuple[str, str]], columns: int, width: int = 0) -> list[str]:
    """Names and their meanings side by side; a name that is too long has a line of its own."""
    width = width or max((len(name) for name, _ in rows if len(name) <= _MOST_OF_NAMES), default=0)
    indent = " " * (width + 4)
    lines: list[str] = []
    for name, text in rows:
        first, *more = _wrapped(text, indent, columns - len(indent), first=indent) or [""]
        if len(name) > width:
            lines += [f"  {name}", first, *more]
        else:
            lines += [f"  {name:<{width}}  {first.lstrip()}".rstrip(), *more]
    return lines


def _wrapped(text: str, indent: str, columns: int, *, first: str = "") -> list[str]:
    width = columns + (len(indent) if first else 0)
    return textwrap.wrap(
        " ".join(text.split()),
        width=max(width, 40),
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _title(text: str) -> str:
    return typer.style(text, bold=True) if _STYLED else text
