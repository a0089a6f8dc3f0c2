"""Stopping at once on Ctrl-C (SIGINT) and SIGTERM, wherever the process is.

The first signal raises `Interrupted` in the main thread. Python can only do that
between two of its own instructions, so a thread that the operating system wakes
directly stops the statements that the main thread waits for. If the main thread has not
ended after `GRACE_SECONDS`, that thread ends the process. A second signal ends it
immediately.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import NoReturn

SIGNAL_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
# How long clean-up may take after a signal, and recording the interruption after that.
GRACE_SECONDS = 3.0
RECORDING_SECONDS = 10.0
# An interrupted statement may be followed by another one, so statements are stopped
# until the main thread has seen the signal.
POLL_SECONDS = 0.05

# The file name in the frames of Python's own import statement.
IMPORT_SYSTEM = "<frozen importlib._bootstrap>"

StopCallback = Callable[["Interrupted"], None]


class Interrupted(KeyboardInterrupt):
    """The process got a signal to stop. Libraries let a `KeyboardInterrupt` pass."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def __str__(self) -> str:
        name = SIGNAL_NAMES[signal.Signals(self.number)]
        return _state.reason or f"Interrupted by {name}."

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM, 1 for a reason of our own."""
        return 1 if _state.reason else 128 + self.number


@dataclass
class _State:
    """What this process knows about its interruption."""

    number: int = 0
    reason: str = ""
    is_raised: bool = False
    is_deferred: bool = False
    # The thread that finishes something, for example records the interruption.
    exempt_thread: int = 0
    is_child: bool = False
    is_installed: bool = False
    is_stopped: bool = False
    on_stop: StopCallback | None = None
    cancellations: dict[int, Callable[[], object]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_state = _State()


def exit_quietly_during_imports() -> None:
    """Let a signal before `install` end the process without a traceback."""
    if _is_main_thread():
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _end_import)
    show_exception = sys.excepthook

    def show(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            stop(error)
        show_exception(kind, error, trace)

    sys.excepthook = show


def install(on_stop: StopCallback) -> None:
    """Handle SIGINT and SIGTERM from now on, also in forked processes.

    `on_stop` records and reports the interruption; see `set_on_stop`. A signal that the
    parent process ignores, as `nohup` and shells do for background jobs, stays ignored.
    """
    _state.on_stop = on_stop
    if _state.is_installed or not _is_main_thread():
        return
    _state.is_installed = True
    _watch_signals()
    os.register_at_fork(after_in_child=_reset_in_child)
    show_exception = threading.excepthook

    def show(arguments: threading.ExceptHookArgs) -> None:
        # The main thread reports the interruption; dbt's threads need not.
        if not isinstance(arguments.exc_value, Interrupted):
            show_exception(arguments)

    threading.excepthook = show


def set_on_stop(on_stop: StopCallback) -> None:
    """Set what records and reports an interruption; it is called once."""
    _state.on_stop = on_stop


def check() -> None:
    """Raise `Interrupted` if a signal has come, for loops in threads and for errors."""
    if _state.number and threading.get_ident() != _state.exempt_thread:
        raise Interrupted(_state.number)


@contextmanager
def cancelled_by_signal(cancel: Callable[[], object]) -> Iterator[None]:
    """Call `cancel` from another thread when a signal comes within the block."""
    key = id(cancel)
    _state.cancellations[key] = cancel
    try:
        yield
    finally:
        _state.cancellations.pop(key, None)


@contextmanager
def deferred() -> Iterator[None]:
    """Finish the block, which must be short, before a signal takes effect."""
    was_deferred, was_exempt = _state.is_deferred, _state.exempt_thread
    _state.is_deferred = True
    _state.exempt_thread = threading.get_ident()
    try:
        yield
    finally:
        _state.is_deferred, _state.exempt_thread = was_deferred, was_exempt
    if not _state.is_raised:
        check()


def stop(error: KeyboardInterrupt) -> NoReturn:
    """Record and report the interruption unless that is done, and end the process."""
    if not isinstance(error, Interrupted):
        error = Interrupted(signal.SIGINT)
    with _state.lock:
        is_first, _state.is_stopped = not _state.is_stopped, True
    if is_first and not _state.is_child:
        _state.exempt_thread = threading.get_ident()
        with suppress(Exception, KeyboardInterrupt):  # its exit code remains
            if _state.on_stop is not None:
                _state.on_stop(error)
    elif not _state.is_child:
        time.sleep(RECORDING_SECONDS)  # The other thread ends the process.
    exit_now(error.exit_code)


def stop_process(reason: str) -> None:
    """End this process from any thread as SIGTERM does, but for `reason`, with code 1.

    A second signal comes from a person, and is not hidden by the reason.
    """
    if not _state.number:
        _state.reason = reason
        os.kill(os.getpid(), signal.SIGTERM)


def exit_quietly_from_now_on() -> None:
    """Let a signal end the process without any work, because its results are out."""
    _state.on_stop = None
    for number in SIGNAL_NAMES:
        if signal.getsignal(number) is _raise:
            signal.signal(number, lambda number, _: exit_now(128 + number))


def _end_import(number: int, frame: FrameType | None) -> None:
    """End the process if it imports a module, else raise KeyboardInterrupt.

    An import runs callbacks in which Python reports an exception and drops it.
    """
    caller = frame
    while caller:
        if caller.f_code.co_filename == IMPORT_SYSTEM:
            os._exit(128 + number)
        caller = caller.f_back
    signal.default_int_handler(number, frame)


def _watch_signals() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in SIGNAL_NAMES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)
    threading.Thread(
        target=_watch, args=(reader,), name="interruption", daemon=True
    ).start()


def _reset_in_child() -> None:
    """Give a forked process its own pipe and thread; it must not wake its parent's."""
    _state.number = 0
    _state.is_raised = _state.is_deferred = _state.is_stopped = False
    _state.is_child = True
    _state.cancellations.clear()
    _state.lock = threading.Lock()
    _watch_signals()


def _raise(number: int, _: FrameType | None) -> None:
    _state.number = _state.number or number
    if not (_state.is_raised or _state.is_deferred or _state.is_stopped):
        _state.is_raised = True
        raise Interrupted(_state.number)


def _watch(reader: int) -> None:
    """Wait for signals. Runs in its own thread, also while the main one is blocked."""
    _state.number = _read_signal(reader, timeout=None)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline:
        if not (_state.is_deferred or _state.is_stopped):
            for cancel in list(_state.cancellations.values()):
                with suppress(Exception):  # a connection that is being closed
                    cancel()
        # A forked process gets Ctrl-C and then SIGTERM from its parent.
        if _read_signal(reader, timeout=POLL_SECONDS) and not _state.is_child:
            exit_now(128 + _state.number)
    timer = threading.Timer(RECORDING_SECONDS, exit_now, [128 + _state.number])
    timer.daemon = True
    timer.start()
    threading.Thread(
        target=lambda: exit_now(128 + _read_signal(reader, timeout=None)), daemon=True
    ).start()
    stop(Interrupted(_state.number))


def _read_signal(reader: int, *, timeout: float | None) -> int:
    """Return the next of our signals, or 0 if none comes within `timeout` seconds."""
    while select.select([reader], [], [], timeout)[0]:
        number = os.read(reader, 1)[0]
        if number in SIGNAL_NAMES:
            return number
    return 0


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def exit_now(code: int) -> NoReturn:
    """End this process and the processes that it forked, without any clean-up."""
    if not _state.is_child and "multiprocessing" in sys.modules:
        from multiprocessing import active_children, util

        with suppress(Exception):  # what cannot be listed cannot be stopped
            for child in active_children():
                child.kill()
            # Without this, multiprocessing warns of semaphores that it frees itself.
            util._run_finalizers(0)  # type: ignore[attr-defined]  # has no public name
    for name in ("stdout", "stderr"):
        with suppress(Exception):  # a closed pipe
            getattr(sys, name).flush()
    os._exit(code)
