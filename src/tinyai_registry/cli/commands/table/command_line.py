"""The command line as a record may publish it."""

from __future__ import annotations

import click

from tinyai_registry.documents.url import name_of

# Who does the work and where things lie changes nothing in a table.
_ELSEWHERE = ("engine", "scheduler", "jobs", "strict", "as_json", "logs", "output", "croissant")


def describe_command() -> str:
    """The command that is running, without folders, and without what does not matter to the table."""
    context = click.get_current_context()
    words = [f"tinyai table {context.info_name}"]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.name in _ELSEWHERE or value in (None, "", False, ()) or value == parameter.get_default(context):
            continue
        if value is True:
            words.append(parameter.opts[-1])
        else:
            option = [parameter.opts[-1]] if isinstance(parameter, click.Option) else []
            values = value if isinstance(value, tuple) else (value,)
            words += [word for each in values for word in (*option, _without_folder(str(each)))]
    return " ".join(words)


def _without_folder(word: str) -> str:
    """``word``, of ``NAME=FILE`` the file, without what leads to it."""
    name, equals, location = word.partition("=")
    if "/" in name:  # the sign belongs to a path or URL
        name, equals, location = "", "", word
    return f"{name}{equals}{name_of(location)}" if "/" in location else word
