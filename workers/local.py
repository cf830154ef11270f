"""Worker processes on this machine. A worker that dies is one failed attempt, and is replaced."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from policysearch.core.errors import in_one_line
from policysearch.core.trial import Curve, Outcome, Trial
from policysearch.core.user_code import current_folder_importable
from workers.evaluate import Setup, attempt
from workers.forkserver import live_with_parent, started
from workers.main_module import main_is_left_out
from workers.pool import Checkpoint, Died, Event, Ready, Worker, WorkerPool
from workers.stops import ControllerGone


def _serve(setup: Setup, connection: Connection) -> None:
    """A worker's life: set up once, then one outcome for each trial, until the controller is gone."""
    live_with_parent()
    with current_folder_importable(last=True):  # the user's network may import in the middle of a training
        _answer(setup, connection)


def _answer(setup: Setup, connection: Connection) -> None:
    try:
        evaluate = setup()
    except (Exception, SystemExit) as error:  # the data or the network may be the user's own code
        connection.send(Died(in_one_line(error)))
        return
    connection.send(Ready())

    def ask(curve: Curve) -> str:
        try:
            connection.send(Checkpoint(curve))
            answer: str = connection.recv()
        except (EOFError, OSError):
            raise ControllerGone from None
        return answer

    try:
        while True:
            trial, followed = connection.recv()
            connection.send(attempt(evaluate, trial, ask if followed else None))
    except (EOFError, OSError, ControllerGone):
        return


@dataclass(frozen=True, eq=False)
class _Process:
    process: BaseProcess
    connection: Connection


class LocalPool(WorkerPool[_Process]):
    """Long-lived worker processes, forked from a server that has done nothing but import what they need.

    Args:
        setup: run once in each worker; picklable.
        workers: number of processes, 1 or more.
        deadline: seconds a trial may take, the worker's start not counted; past it the worker is killed.
    """

    def __init__(self, setup: Setup, workers: int, deadline: float = float("inf")) -> None:
        super().__init__(deadline)
        self._setup = setup
        self._alone = main_is_left_out()
        try:
            for _ in range(workers):
                self._workers.append(self._start())
        except BaseException:  # Ctrl-C too: who calls has no pool to close yet
            self.close()
            raise

    def _start(self) -> Worker[_Process]:
        process, connection = started(_serve, self._setup, alone=self._alone)
        return Worker(_Process(process, connection))

    def _send(self, worker: Worker[_Process], trial: Trial) -> bool:
        if not worker.handle.process.is_alive():
            return False
        try:
            worker.handle.connection.send((trial, self._judge is not None))
        except OSError:  # it has just died
            return False
        return True

    def _reply(self, worker: Worker[_Process], reason: str) -> None:
        with suppress(OSError):  # it has just died, and the next event says so
            worker.handle.connection.send(reason)

    def _events(self, timeout: float) -> list[tuple[Worker[_Process], Event]]:
        by_connection: dict[Any, Worker[_Process]] = {worker.handle.connection: worker for worker in self._workers}
        return [(by_connection[c], _received(by_connection[c].handle)) for c in wait(list(by_connection), timeout)]

    def _end(self, workers: list[Worker[_Process]]) -> None:
        for worker in workers:
            worker.handle.process.kill()
        for worker in workers:
            worker.handle.connection.close()
            worker.handle.process.join()


def _received(handle: _Process) -> Event:
    try:
        message: Ready | Died | Outcome | Checkpoint = handle.connection.recv()
    except (EOFError, OSError):
        handle.process.join(5)
        return Died(f"worker died (exit code {handle.process.exitcode})")
    return message
