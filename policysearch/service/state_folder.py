"""The folder of the service's state: every path below it. Texts of requests are never part of a path, only ids are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from policysearch.service.ids import is_id


@dataclass(frozen=True)
class JobFolder:
    """The files of one job.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def job(self) -> Path:
        """What the runner is to do: kind, attempt, settings, changes."""
        return self.path / "job.json"

    @property
    def events(self) -> Path:
        """The event log, one JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def live(self) -> Path:
        """What the live page shows, replaced whole."""
        return self.path / "live.json"

    @property
    def best_picture(self) -> Path:
        """The best policy so far, on training images."""
        return self.path / "best.png"

    @property
    def log(self) -> Path:
        """What the runner prints."""
        return self.path / "log.txt"

    @property
    def exit(self) -> Path:
        """How an attempt ended; the last file that a runner writes."""
        return self.path / "exit.json"

    @property
    def check(self) -> Path:
        """What a check of the settings said."""
        return self.path / "check.json"

    @property
    def runner(self) -> Path:
        """Which process has the job: attempt, pid, start time, boot id."""
        return self.path / "runner.json"

    @property
    def lock(self) -> Path:
        """Held by the runner as long as it lives, however it ends."""
        return self.path / "runner.lock"

    @property
    def stop(self) -> Path:
        """There while the runner is to start no more pulls."""
        return self.path / "stop"

    @property
    def curves(self) -> Path:
        """Learning curves of the pulls in flight."""
        return self.path / "curves"

    @property
    def run(self) -> Path:
        """The folder of the search, calibration or evaluation itself."""
        return self.path / "run"


@dataclass(frozen=True)
class StateFolder:
    """The folder that `policysearch serve --state` names.

    Attributes:
        path: the folder, absolute: processes of jobs do not run where the server was started.
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", self.path.absolute())

    @property
    def admin_token(self) -> Path:
        return self.path / "admin.token"

    @property
    def database(self) -> Path:
        return self.path / "service.db"

    @property
    def lock(self) -> Path:
        return self.path / "serve.lock"

    @property
    def limits(self) -> Path:
        return self.path / "serve.toml"

    @property
    def audit(self) -> Path:
        return self.path / "audit.jsonl"

    @property
    def incoming(self) -> Path:
        """Uploads that have not ended."""
        return self.path / "incoming"

    @property
    def trash(self) -> Path:
        """What is being deleted."""
        return self.path / "trash"

    @property
    def cache(self) -> Path:
        """Decoded data of all jobs, unless POLICYSEARCH_CACHE names another folder."""
        return self.path / "cache"

    @property
    def data(self) -> Path:
        """Data sets by id."""
        return self.path / "data"

    @property
    def runs(self) -> Path:
        """Jobs by id."""
        return self.path / "runs"

    def job(self, job_id: str) -> JobFolder:
        """The folder of a job.

        Raises:
            ValueError: the text is no id.
        """
        return JobFolder(self.runs / _checked(job_id))

    def data_set(self, data_id: str) -> Path:
        """The folder of a data set.

        Raises:
            ValueError: the text is no id.
        """
        return self.data / _checked(data_id)

    def in_trash(self, some_id: str) -> Path:
        """Where the folder of a job or data set goes to be deleted.

        Raises:
            ValueError: the text is no id.
        """
        return self.trash / _checked(some_id)

    def make(self) -> None:
        """Make the folder and those in it, for this account alone.

        Raises:
            OSError: one cannot be made.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.incoming, self.trash, self.data, self.runs):
            folder.mkdir(mode=0o700, exist_ok=True)


def _checked(text: str) -> str:
    if not is_id(text):
        raise ValueError(f"{text!r} is no id")
    return text
