"""The uploads that wait for their check, one after another; and what is left of them after a kill."""

from __future__ import annotations

import logging
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from policysearch.service.data_set import DataSet, DataState
from policysearch.service.database.connection import DatabaseAway
from policysearch.service.database.data_sets import DataSets, NoSuchDataSet
from policysearch.service.limits import Limits
from policysearch.service.state_folder import StateFolder
from policysearch.service.uploads.check_process import Report, Stopped, check

SHEET = "sheet.png"
_UPLOAD, _CHECK = "upload", "check"
_AGAIN = 5.0
"""Seconds after which a check is tried again that the disk or the database did not let end."""
_log = logging.getLogger("policysearch.service")


class UploadChecks:
    """Checks uploads in a thread of its own, one at a time.

    Args:
        data_sets: their table.
        folder: the service's.
        limits: the operator's.
    """

    def __init__(self, data_sets: DataSets, folder: StateFolder, limits: Limits) -> None:
        self._data_sets = data_sets
        self._folder = folder
        self._limits = limits
        self._stop = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checks of uploads", daemon=True)

    def clean(self) -> None:
        """Remove what a kill has left, before the first request is answered and before `start`.

        Nothing stays in `incoming`, no folder without a row, no upload beside images that are ready.
        """
        for path in self._folder.incoming.iterdir():
            _remove(path)
        for folder in self._folder.data.iterdir():
            self._clean_folder(folder)
        for data_set in self._data_sets.to_check():
            if not self.upload_of(data_set.id).exists():
                self._refuse(data_set, "it did not come whole: send it again")

    def _clean_folder(self, folder: Path) -> None:
        try:
            data_set = self._data_sets.get(folder.name)
        except NoSuchDataSet:
            _remove(folder)
            return
        _remove(folder / _CHECK)
        if data_set.state == DataState.REFUSED:
            _remove(folder)
        elif data_set.state == DataState.READY:
            _remove(folder / _UPLOAD)

    def upload_of(self, data_id: str) -> Path:
        """Where the file is that came, until its check has ended."""
        return self._folder.data_set(data_id) / _UPLOAD

    def start(self) -> None:
        """Check what waits, and from now on what comes."""
        self._thread.start()
        self.poke()

    def poke(self) -> None:
        """Look at once whether something waits."""
        self._news.set()

    def end(self) -> None:
        """End, and the process of a check with it; that check is done again at the next start."""
        self._stop.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._news.clear()
            try:
                while self.check_next():
                    pass
                if not self._stop.is_set():  # `end` may have come before the news were cleared
                    self._news.wait()
            except Stopped:
                return
            except (OSError, DatabaseAway) as error:
                _log.warning("the check of an upload waits: %s", error)
                self._stop.wait(_AGAIN)
            except Exception:
                _log.exception("the check of an upload failed")
                self._stop.wait(_AGAIN)

    def check_next(self) -> bool:
        """Check the upload that has waited longest.

        Returns:
            whether there was one.

        Raises:
            Stopped: the server ends.
            OSError: the disk is full.
        """
        data_set = next(iter(self._data_sets.to_check()), None)
        if data_set is None or self._stop.is_set():
            return False
        folder = self._folder.data_set(data_set.id)
        upload = self.upload_of(data_set.id)
        report = check(upload, data_set.format, data_set.name, folder / _CHECK, self._limits, self._stop)
        if report.sentence:
            self._refuse(data_set, report.sentence)
        else:
            self._accept(data_set, report)
        return True

    def _accept(self, data_set: DataSet, report: Report) -> None:
        folder = self._folder.data_set(data_set.id)
        # Reports call data by the name of their file.
        file = f"{data_set.id}{report.path.suffix}"
        for path, name in ((report.path, file), (report.sheet, SHEET)):
            _remove(folder / name)
            path.rename(folder / name)
        try:
            self._data_sets.update(data_set.id, state=DataState.READY, summary={**report.summary, "file": file})
        except NoSuchDataSet:  # deleted meanwhile
            _remove(folder)
            return
        _remove(folder / _UPLOAD)
        _remove(folder / _CHECK)

    def _refuse(self, data_set: DataSet, sentence: str) -> None:
        with suppress(NoSuchDataSet):  # deleted meanwhile
            self._data_sets.update(data_set.id, state=DataState.REFUSED, reason=sentence)
        _remove(self._folder.data_set(data_set.id))


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there; a link is removed, not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
