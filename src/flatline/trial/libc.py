"""System calls of Linux that Python 3.10 has no function for. Nothing but the standard library is imported."""

from __future__ import annotations

import ctypes
import os
import struct

NEW_MOUNTS = 0x00020000
NEW_USERS = 0x10000000
NEW_NETWORK = 0x40000000
NEW_PROCESSES = 0x20000000
PRIVATE_RECURSIVE = 0x40000 | 0x4000
BIND = 0x1000
NOSUID_NODEV = 0x2 | 0x4

_MOUNT_SETATTR = 442
_READ_ONLY = 0x1
_RECURSIVE = 0x8000
_AT_FDCWD = -100

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    _check(
        _libc.mount(
            source.encode(),
            os.fsencode(target),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            data.encode() if data else None,
        ),
        f"mount on {target}",
    )


def set_read_only(target: str, read_only: bool, recursive: bool) -> None:
    """``mount_setattr``, which Linux has since 5.12: the mount on ``target``, and those below it."""
    given, taken = (_READ_ONLY, 0) if read_only else (0, _READ_ONLY)
    attributes = struct.pack("QQQQ", given, taken, 0, 0)
    flags = _RECURSIVE if recursive else 0
    call = _libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(target), flags, attributes, len(attributes))
    _check(call, f"making {target} read-only")


def prctl(option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(v) for v in (*values, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *padded), f"prctl {option}")


def landlock(call: int, *arguments: object) -> int:
    """One of the three system calls of Landlock (444 to 446)."""
    return _check(int(_libc.syscall(call, *arguments)), "landlock")


def die_with_parent() -> None:
    """Linux sends SIGKILL to this process when the one that made it is gone."""
    prctl(1, 9)


def adopt_orphans() -> None:
    """What descendants leave behind becomes a child of this process, not of init."""
    prctl(36, 1)


def no_new_privileges() -> None:
    prctl(38, 1)
