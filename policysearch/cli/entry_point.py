"""The command line: the composition root. Importing it imports neither torch nor Optuna nor Ray."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import typer

from policysearch.cli import calibrate, catalog, compare, evaluate, export, guide, inspect, report, search
from policysearch.cli.common import app
from policysearch.core.errors import UserError

_ORDER = (search, report, calibrate, evaluate, export, compare, inspect, catalog, guide)
_FAMILIES = [module.__name__ for module in _ORDER]
app.registered_commands.sort(key=lambda command: _FAMILIES.index(getattr(command.callback, "__module__", "")))


def _warner() -> Callable[..., None]:
    """Prints each warning once."""
    told: set[str] = set()

    def warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, UserWarning) and str(message) not in told:
            told.add(str(message))
            print(f"policysearch: warning: {message}", file=sys.stderr)

    return warn


def main() -> None:
    """Entry point: wrong input is one sentence on stderr and exit code 2, a search that fails exit code 1."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warner()
            raise SystemExit(app(standalone_mode=False))
    except UserError as error:
        _stop(str(error), 2)
    except typer.Abort:
        raise SystemExit(130) from None
    except RuntimeError as error:
        if type(error).__name__ not in ("SearchFailed", "WorkersCannotStart", "StorageLost"):
            raise
        _stop(str(error), 1)
    except Exception as error:
        if not hasattr(error, "format_message"):  # what the command line itself objects to has one
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            raise SystemExit(0) from None
        context = getattr(error, "ctx", None)
        command = f"{context.info_name} " if context and context.parent else ""
        _stop(f"{error.format_message()} (`policysearch {command}--help` lists what there is)", 2)


def _stop(sentence: str, code: int) -> None:
    print(f"policysearch: {sentence}", file=sys.stderr)
    raise SystemExit(code)
