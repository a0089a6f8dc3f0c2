"""Identifies a process so that others on the same machine can see that it has ended."""

import os
from contextlib import suppress
from pathlib import Path

ZOMBIE = "Z"  # It has ended, and its parent has not read its exit code.


def current_process() -> str:
    """Return a text that identifies this process among those of all machines.

    '' where the system has no `/proc`.
    """
    machine, start = _machine(), _start_ticks(os.getpid())
    return f"{machine} {os.getpid()} {start}" if machine and start else ""


def has_ended(process: str) -> bool | None:
    """Return whether a process has ended; None if it belongs to another machine.

    `process` is a result of `current_process`. Containers count as machines, because
    they number their processes separately.
    """
    machine, _, rest = process.partition(" ")
    if not machine or machine != _machine():
        return None
    process_id, _, start = rest.partition(" ")
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # It exists and belongs to another user.
    # A process with another start has been given the same id later.
    return _start_ticks(int(process_id)) not in ("", start)


def _machine() -> str:
    """Return the boot of the kernel and the namespace of its process ids, or ''."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return f"{boot.strip()}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return ""


def _start_ticks(process_id: int) -> str:
    """Return when a process started, in ticks since boot; '' if it is not shown."""
    try:
        text = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    # Names may contain blanks. Field 3 is the first after the name's parenthesis.
    fields = text.rpartition(")")[2].split()
    return "ended" if fields[0] == ZOMBIE else fields[19]
