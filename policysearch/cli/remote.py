"""remote: jobs of a running service, with the flags of the commands that run here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policysearch.cli.columns import print_columns
from policysearch.cli.flags import Panel, merged, with_flags
from policysearch.cli.remote_service import Server, State, service_at, with_own_data
from policysearch.core.command import command
from policysearch.core.errors import UserError
from policysearch.core.readable import readable_name
from policysearch.service.request_models.calibrate_request import CalibrateRequest
from policysearch.service.request_models.evaluate_request import EvaluateRequest
from policysearch.service.request_models.search_request import SearchRequest
from policysearch.service.request_models.taken import Described, RecipeRequest

if TYPE_CHECKING:
    from policysearch.client import Job, Service

app = typer.Typer(help="Jobs of a running service (`policysearch serve`).", no_args_is_help=True)

_JOB: Panel = ("Job", Described)
_RECIPE: Panel = ("Child training (defaults of quick-resnet-wide; see `policysearch models`)", RecipeRequest)

Config = Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label", help="a word by which lists are searched; may be given several times", rich_help_panel="Job"
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="follow the job to its end; Ctrl-C leaves it running")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="the job's id")]


@app.command()
@with_flags(_JOB, ("Search", SearchRequest), _RECIPE)
def search(
    config: Config = None,
    label: Labels = None,
    wait: Wait = False,
    server: Server = None,
    state: State = None,
    **flags: Any,
) -> None:
    """Search a policy in the service; prints the job's id, or follows it with --wait."""
    _begin("search", merged(config, flags), label, wait, server, state)


@app.command()
@with_flags(_JOB, ("Calibration and training", CalibrateRequest), _RECIPE)
def calibrate(
    config: Config = None,
    label: Labels = None,
    wait: Wait = False,
    server: Server = None,
    state: State = None,
    **flags: Any,
) -> None:
    """Find out in the service which cheap pull can be trusted."""
    _begin("calibrate", merged(config, flags), label, wait, server, state)


@app.command()
@with_flags(_JOB, ("Evaluation and training", EvaluateRequest), _RECIPE)
def evaluate(
    policy: Annotated[str, typer.Argument(help="the id of a search that is done, or a preset")],
    config: Config = None,
    label: Labels = None,
    wait: Wait = False,
    server: Server = None,
    state: State = None,
    **flags: Any,
) -> None:
    """Compare a policy with fixed ones on the test part, in the service."""
    _begin("evaluate", {**merged(config, flags), "policy": policy}, label, wait, server, state)


def _begin(
    kind: str, settings: dict[str, Any], labels: list[str] | None, wait: bool, server: str | None, state: Path | None
) -> None:
    settings = {**settings, **({"labels": labels} if labels else {})}
    with service_at(server, state) as service:
        settings = with_own_data(service, settings)
        begin: Callable[..., Job] = getattr(service, kind)
        _follow(begin(**settings), wait)


def _follow(job: Job, wait: bool) -> None:
    from policysearch.cli.remote_watch import watch_job

    print(job.id, flush=True)
    if wait:
        watch_job(job)
    elif sys.stderr.isatty():
        print(f"policysearch: {command('remote', 'watch', job.id)} follows it", file=sys.stderr)


@app.command("list")
def list_jobs(
    job_state: Annotated[str | None, typer.Option("--in", help="only those in this state, as running or done")] = None,
    text: Annotated[str | None, typer.Option(help="only those with this in name, note, labels or id")] = None,
    limit: Annotated[int, typer.Option(help="as many at most", min=1)] = 20,
    server: Server = None,
    state: State = None,
) -> None:
    """Jobs of the service, newest first."""
    with service_at(server, state) as service:
        rows = {}
        for job in service.jobs(state=job_state, text=text):
            rows[job["id"]] = _row(job)
            if len(rows) == limit:
                break
    if rows:
        print_columns(rows)
    else:
        print("policysearch: there are no such jobs", file=sys.stderr)


def _row(job: dict[str, Any]) -> str:
    progress = job.get("progress") or {}
    done = f"{progress['phase']} {progress.get('done', 0)}/{progress.get('total', 0)}" if progress.get("phase") else ""
    parts = [
        f"{job['kind']:9} {job['state']:11}",
        job.get("name") or "",
        done,
        job.get("waits") or job.get("reason") or "",
    ]
    return readable_name("  ".join(part for part in parts if part))


@app.command()
def watch(job_id: JobId, server: Server = None, state: State = None) -> None:
    """Follow a job to its end; Ctrl-C leaves it running."""
    from policysearch.cli.remote_watch import watch_job

    with service_at(server, state) as service:
        watch_job(service.job(job_id))


@app.command()
def stop(job_id: JobId, server: Server = None, state: State = None) -> None:
    """Let a job's pulls in flight end, and begin no more."""
    with service_at(server, state) as service:
        service.job(job_id).stop()


@app.command()
def cancel(job_id: JobId, server: Server = None, state: State = None) -> None:
    """Interrupt a job; what has ended is kept."""
    with service_at(server, state) as service:
        service.job(job_id).cancel()


@app.command()
def resume(
    job_id: JobId,
    trials: Annotated[int | None, typer.Option(help="pulls of the search in all, to go further", min=1)] = None,
    confirm: Annotated[int | None, typer.Option(help="fresh replicates of the finalists in all", min=0)] = None,
    workers: Annotated[int | None, typer.Option(help="how many from now on", min=1)] = None,
    wait: Wait = False,
    server: Server = None,
    state: State = None,
) -> None:
    """Go on with a job that rests, or further with one that is done."""
    with service_at(server, state) as service:
        job = service.job(job_id)
        job.resume(trials, confirm, workers)
        _follow(job, wait)


@app.command()
def get(
    job_id: JobId,
    name: Annotated[str | None, typer.Argument(help="of a file, as policy.json; without it, they are listed")] = None,
    out: Annotated[Path | None, typer.Option(help="where to; default: the same name here")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace a file that is there")] = False,
    server: Server = None,
    state: State = None,
) -> None:
    """Save a file of a job."""
    with service_at(server, state) as service:
        job = service.job(job_id)
        if name is None:
            print_columns({file: f"{size:,} bytes" for file, size in job.files().items()})
            return
        target = out or Path(name).name
        target = Path(target) / name if Path(target).is_dir() else Path(target)
        if target.exists() and not force:
            raise UserError(f"{target} exists: --force replaces it, or give another --out")
        print(job.download(name, target))


@app.command()
def upload(
    path: Annotated[Path, typer.Argument(help="a folder of class folders, or a .zip, .npz or .parquet file")],
    name: Annotated[str | None, typer.Option(help="what it is called; default: as the file or folder")] = None,
    server: Server = None,
    state: State = None,
) -> None:
    """Upload data, wait until they are checked, and print their id, which --data takes."""
    with service_at(server, state) as service:
        data_set = service.upload(path, name)
        summary = data_set.wait()["summary"]
        for warning in summary.get("warnings", []):
            print(f"policysearch: warning: {readable_name(warning)}", file=sys.stderr)
        print(data_set.id)


@app.command()
def delete(
    some_id: Annotated[str, typer.Argument(metavar="ID", help="of a job that rests, or of an upload")],
    server: Server = None,
    state: State = None,
) -> None:
    """Delete a job with its files, or an upload."""
    with service_at(server, state) as service:
        _delete(service, some_id)


def _delete(service: Service, some_id: str) -> None:
    from policysearch.client import NotThere

    try:
        service.job(some_id).delete()
    except NotThere:
        try:
            service.data_set(some_id).delete()
        except NotThere:
            raise UserError(f"there is no job and no upload {readable_name(some_id)[:80]!r} that you may see") from None
