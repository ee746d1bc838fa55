"""Isolation where namespaces are not allowed, as in most containers: a copy to work in, and Landlock around it.

Landlock is Linux's own sandbox for processes without privileges. It redirects nothing, it refuses: so the working
folder is copied, the program runs in the copy, and what it writes anywhere else fails with "Permission denied".
"""

from __future__ import annotations

import ctypes
import os
import shutil
import struct

from flatline.trial import libc

# The first that also refuses truncate(2), Linux 6.2.
OLDEST_ABI = 3
# WRITE_FILE, REMOVE_DIR to MAKE_SYM, REFER, TRUNCATE: everything that changes a file; reading is not restricted.
_WRITE_FILE = 1 << 1
_WRITES = _WRITE_FILE | sum(1 << bit for bit in range(4, 15))
_TCP = 0b11
# Larger files, and whatever goes beyond the total, are links to the originals: readable, and refused for writing.
_LARGEST_COPIED = 256 << 20
_MOST_COPIED = 2 << 30
_LINKED = {".git", ".hg", ".flatline", ".venv", "venv", "node_modules", "__pycache__"}


def abi() -> int:
    """The version of Landlock that this kernel has; 0 without it."""
    try:
        return libc.landlock(444, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    except OSError:
        return 0


def restrict(writable: list[str]) -> None:
    """From here on this process and its children may write only below ``writable``, and open no TCP connection.

    Raises:
        OSError: this kernel has no Landlock, or an older one than ``OLDEST_ABI``.
    """
    version = abi()
    if version < OLDEST_ABI:
        raise OSError(f"Landlock {OLDEST_ABI} is needed (Linux 6.2), and this kernel has {version or 'none'}")
    attributes = struct.pack("QQ", _WRITES, _TCP) if version >= 4 else struct.pack("Q", _WRITES)
    rules = libc.landlock(444, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    for folder, allowed in [*((w, _WRITES) for w in writable), ("/dev/shm", _WRITES), ("/dev", _WRITE_FILE)]:
        if os.path.isdir(folder):
            descriptor = os.open(folder, os.O_PATH)
            rule = struct.pack("=Qi", allowed, descriptor)
            libc.landlock(445, ctypes.c_int(rules), ctypes.c_int(1), rule, ctypes.c_uint(0))
            os.close(descriptor)
    libc.no_new_privileges()
    libc.landlock(446, ctypes.c_int(rules), ctypes.c_uint(0))
    os.close(rules)


def copy_folder(folder: str, view: str) -> None:
    """Copies a folder for a program to work in; what is large or not the program's own is linked instead.

    Raises:
        OSError: the copy cannot be written.
    """
    copied = 0
    os.makedirs(view)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        pending = [(entry, view)]
        while pending:
            item, into = pending.pop()
            goal = os.path.join(into, item.name)
            if item.is_dir(follow_symlinks=False) and item.name not in _LINKED:
                try:
                    children = list(os.scandir(item.path))
                except OSError:
                    os.symlink(item.path, goal)
                    continue
                os.mkdir(goal)
                pending += [(child, goal) for child in children]
                continue
            size = item.stat(follow_symlinks=False).st_size
            if item.is_file(follow_symlinks=False) and size <= _LARGEST_COPIED and copied + size <= _MOST_COPIED:
                try:
                    shutil.copy2(item.path, goal)
                    copied += size
                    continue
                except PermissionError:
                    pass
            os.symlink(item.path, goal)
