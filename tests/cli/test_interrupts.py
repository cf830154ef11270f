"""Ctrl-C ends a command with exit code 130 and a sentence, whatever third-party code makes of it."""

import signal
import threading
from contextlib import suppress

import pytest

from policysearch.cli.interrupts import ctrl_c
from policysearch.cli.progress import watched
from policysearch.core.errors import RunFailed
from policysearch.experiments.progress import Status


def pressed(_listener):
    signal.raise_signal(signal.SIGINT)


def swallowed(listener):
    with suppress(BaseException):
        signal.raise_signal(signal.SIGINT)
    listener(Status("search", 1, 2, None, 0))
    pytest.fail("the next report of progress must end the command")


def another_error(_listener):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise RunFailed("workers cannot start") from None


@pytest.mark.parametrize("start", [pressed, swallowed, another_error])
def test_ctrl_c_ends_a_command_whatever_becomes_of_it(start, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        watched(start, str(tmp_path))
    assert end.value.code == 130
    assert capsys.readouterr().err == "policysearch: stopped; nothing was recorded yet\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


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
