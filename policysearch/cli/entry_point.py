"""The command line: the composition root. Importing it imports neither torch nor Optuna nor Ray."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer

from policysearch.cli import (
    calibrate,
    catalog,
    compare,
    evaluate,
    export,
    guide,
    inspect,
    online,
    remote,
    report,
    search,
    serve,
    tta,
)
from policysearch.cli.messages import messages_on_stderr, set_verbosity
from policysearch.core.command import command
from policysearch.core.errors import RunFailed, UserError
from policysearch.core.files import AT_FAULT_OF_THE_FILE_SYSTEM
from policysearch.core.readable import readable_name
from policysearch.core.user_code import current_folder_importable
from policysearch.core.version import __version__
from policysearch.study.other_names import OTHER_NAMES

COMMANDS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        "search": search.search,
        "resume": search.resume,
        "report": report.report,
        "show": report.show,
        "calibrate": calibrate.calibrate,
        "online": online.online,
        "evaluate": evaluate.evaluate,
        "tta": tta.tta,
        "export": export.export,
        "import": export.import_policy,
        "record": compare.record,
        "compare": compare.compare,
        "preview": inspect.preview,
        "data": inspect.data,
        "serve": serve.serve,
        "models": catalog.models,
        "spaces": catalog.spaces,
        "operations": catalog.operations,
        "presets": catalog.presets,
        "strategies": catalog.strategies,
        "rewards": catalog.rewards,
        "guide": guide.guide,
    }
)
"""All commands, in the order in which the help lists them."""

app = typer.Typer(
    help="Search image-augmentation policies for your own data and network.",
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(remote.app, name="remote")


# Typer has no public name for what it raises when a command line is wrong; this is one, and the base of the others.
_UsageError: type[Any] = typer.BadParameter.__mro__[1]


@app.callback(invoke_without_command=True)
def before_any_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="print the version and stop", is_eager=True)] = False,
    verbose: Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, show_default=False, help="report steps; -vv reports details too"),
    ] = 0,
) -> None:
    """Search image-augmentation policies for your own data and network."""
    if version:
        print(f"policysearch {__version__}")
        raise typer.Exit
    set_verbosity(verbose)
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit


def main() -> None:
    """Run the command line and exit.

    The exit code is 2 for wrong input and 1 for a run that failed, each with one sentence on stderr; it is 130 after
    Ctrl-C.
    """
    try:
        with messages_on_stderr(), current_folder_importable(last=True):
            raise SystemExit(app(standalone_mode=False))
    except UserError as error:
        _stop(str(error), 2)
    except RunFailed as error:
        _stop(str(error), 1)
    except OSError as error:
        if error.errno not in AT_FAULT_OF_THE_FILE_SYSTEM:
            raise
        _stop(f"cannot use {error.filename or 'a file'}: {error.strerror}", 1)
    except typer.Abort:
        raise SystemExit(130) from None
    except _UsageError as error:
        _stop(f"{_usage_message(error)} ({_help_of(sys.argv[1:])} lists what there is)", 2)


def _usage_message(error: Any) -> str:
    """What is wrong with the command line; a flag that other programs have is answered with ours."""
    flag = str(getattr(error, "option_name", None) or "")
    ours = OTHER_NAMES.get(flag.lstrip("-").replace("-", "_"))
    if ours and "such option" in error.format_message().lower():
        return f"No such option: {flag}: did you mean --{ours.replace('_', '-')}?"
    return str(error.format_message())


def _help_of(words: list[str]) -> str:
    """The command that lists the flags of the command that was typed."""
    name = ["remote", *words[1:2]] if words[:1] == ["remote"] else [word for word in words if word in COMMANDS][:1]
    return command(*name, "--help")


def _stop(sentence: str, code: int) -> None:
    print(f"policysearch: {readable_name(sentence)}", file=sys.stderr)
    raise SystemExit(code)
