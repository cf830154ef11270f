"""export, import: policies for other libraries, and theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policysearch.core.errors import UserError


def export(
    policy: Annotated[
        str | None, typer.Argument(help="a run's folder, policy.json, or a preset such as randaugment:2,9")
    ] = None,
    to: Annotated[str | None, typer.Option(help="a library or trainer: torchvision, timm, huggingface...")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="the file; learned_policy.py unless given")] = None,
    allow_loss: Annotated[
        bool, typer.Option("--allow-loss", help="do without what the library cannot express")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="replace an existing file")] = False,
    operations: Annotated[str | None, typer.Option(help="modules that register operations, as in search")] = None,
    table: Annotated[
        bool,
        typer.Option("--table", help="instead: measure what each library makes of each operation, to .json or .md"),
    ] = False,
) -> None:
    """Write a policy for the library that you train with."""
    if table:
        return _table(policy, to, out, force)
    from policysearch.export.registry import EXPORTS, export_to

    if policy is None or to is None:
        raise UserError(
            f"export takes a policy and --to {', '.join(EXPORTS)}, as in: export randaugment:2,9 --to timm; or --table"
        )
    from policysearch.core.user_code import import_all
    from policysearch.study.policy_spec import named_policy

    import_all(operations)
    written, lost = export_to(named_policy(policy), to, out, allow_loss, force)
    typer.echo("\n".join([str(written), *(f"left out: {reason}" for reason in lost)]))


def _table(policy: str | None, to: str | None, out: Path | None, force: bool) -> None:
    if policy is not None or to is not None:
        raise UserError("--table is of every operation and library that is installed: leave out the policy and --to")
    from policysearch.export.capability_table import write_table

    target = out or Path("capability.json")
    write_table(target, force)
    typer.echo(str(target))


def import_policy(
    file: Annotated[str, typer.Argument(help="the library's file, or timm's config string")],
    source: Annotated[str, typer.Option("--from", help="whose it is, as timm, mmpretrain, albumentations, dada, pba")],
    out: Annotated[Path, typer.Option("--out", "-o", help="PATH.json, or PATH.toml for a space")] = Path("policy.json"),
    allow_loss: Annotated[bool, typer.Option("--allow-loss", help="do without what no policy can express")] = False,
    force: Annotated[bool, typer.Option("--force", help="replace an existing file")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="that the search of a pba log trained")] = None,
    name: Annotated[str | None, typer.Option(help="the list of a file that holds several, such as CIFAR10")] = None,
) -> None:
    """Read a published policy, for a space, a preview or a training; nothing in the file is executed."""
    from policysearch.export.registry import import_arms, save_imported
    from policysearch.policy.describe import in_words

    policies, notes = import_arms(file, source, allow_loss, epochs, name)
    save_imported(policies, out, force)
    words = [f"{title}: {in_words(policy)}" if title else in_words(policy) for title, policy in policies.items()]
    typer.echo("\n".join([*words, *(f"not the same: {note}" for note in notes), str(out)]))
