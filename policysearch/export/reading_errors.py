"""Errors of reading foreign pipelines, each as a sentence that begins with the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from policysearch.core.errors import UserError
from policysearch.policy.validation import validation_message


@contextmanager
def named_errors(name: str) -> Iterator[None]:
    """Errors of the block as one sentence each.

    Args:
        name: of the file that is read, as messages begin.

    Raises:
        UserError: the block raised one, or what wrong types and missing keys of a file raise.
    """
    try:
        yield
    except ValidationError as error:
        raise UserError(f"{name}: {validation_message(error)}") from None
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise UserError(
            f"{name}: a transform lacks something or has it wrong ({type(error).__name__}: {str(error)[:80]})"
        ) from None
