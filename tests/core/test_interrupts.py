"""Ctrl-C ends a command with exit code 130 and a sentence, whatever third-party code makes of it."""

import signal
import threading
from contextlib import suppress

import pytest

from policysearch.cli.progress import watched
from policysearch.core.errors import RunFailed
from policysearch.core.interrupts import ctrl_c
from policysearch.experiments.progress import Status


def pressed(_listener):
    signal.raise_signal(signal.SIGINT)


def swallowed(listener):
    with suppress(BaseException):
        signal.raise_signal(signal.SIGINT)
    listener(Status("search", 1, 2, None, 0))
    pytest.fail("the next report of progress must end the command")


class Destroyed:
    """Its destructor is where Ctrl-C arrives: Python can only print that."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def in_a_destructor(listener):
    Destroyed()
    listener(Status("search", 1, 2, None, 0))
    pytest.fail("the next report of progress must end the command")


def another_error(_listener):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise RunFailed("workers cannot start") from None


@pytest.mark.parametrize("start", [pressed, swallowed, in_a_destructor, another_error])
def test_ctrl_c_ends_a_command_whatever_becomes_of_it(start, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        watched(start, str(tmp_path))
    assert end.value.code == 130
    assert capsys.readouterr().err == "policysearch: stopped; nothing was recorded yet\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        (Status("decode", 5, 9, None, 0), ""),
        (Status("search", 12, 40, None, 1), "12 of 40 pulls are kept; "),
        (Status("confirm", 3, 32, None, 0), "the search and 3 of 32 trainings of the confirmation are kept; "),
        (Status("evaluate", 4, 10, None, 0), "4 of 10 trainings are kept; "),
    ],
)
def test_ctrl_c_says_what_is_kept_and_what_continues_it(status, kept, tmp_path, capsys):
    (tmp_path / "config.toml").touch()

    def start(listener):
        listener(Status("prepare", 0, 0, None, 0, "starting 2 workers"))
        listener(status)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(SystemExit):
        watched(start, str(tmp_path))
    out, err = capsys.readouterr()
    assert "starting 2 workers" in out
    assert err == f"policysearch: stopped; {kept}`policysearch resume {tmp_path}` goes on from here\n"


def test_an_error_without_ctrl_c_stays_what_it_is(tmp_path):
    with pytest.raises(RunFailed, match="no place"):
        watched(lambda _: (_ for _ in ()).throw(RunFailed("no place")), str(tmp_path))


def test_where_ctrl_c_is_ignored_or_in_another_thread_nothing_is_installed():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ctrl_c() as check:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            check()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    handlers = []

    def in_thread():
        with ctrl_c():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
