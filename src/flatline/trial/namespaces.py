"""Isolation by namespaces: every filesystem read-only, and overlays on top that keep what is written in memory.

The program sees all files where they are and may write, delete and rename them; what it changes lies in a tmpfs that
goes with its last process. No address but the loopback can be reached. Works without privileges where Linux (5.12 or
newer) lets users make user namespaces.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct

from flatline.trial import libc

# Programs and their settings: nobody's training writes there, so read-only is enough. Overlays are for the rest.
_SYSTEM = {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "nix", "proc", "run", "sbin", "sys", "usr"}
# The kernel takes 100,000 mounts; a folder with more children than this and a mount among them stays read-only.
_MOST_OVERLAYS = 256
# What a trial has no use for. Kept: those that let root read and write other users' files, as it can outside.
_CAPABILITIES_KEPT = {0, 1, 2, 3, 4, 5, 6, 7, 10}
_LAST_CAPABILITY = 40


def enter(scratch: str, folders: list[str], megabytes: int) -> list[str]:
    """Moves this process, which must have one thread, into namespaces of its own.

    Args:
        scratch: a folder that stays as it is and may be written to.
        folders: where the program is and works; each must be writable afterwards.
        megabytes: how much may be written in all.

    Returns:
        Folders that could not be given an overlay and are read-only.

    Raises:
        OSError: the kernel does not allow it; the message says which step.
    """
    _unshare()
    libc.mount("none", "/", None, libc.PRIVATE_RECURSIVE)
    # Found before our own mounts are there, which need no sparing.
    covered = _to_cover(folders)
    inside, layers = os.path.join(scratch, "inside"), os.path.join(scratch, "layers")
    # Bound onto itself, it is a mount of its own that can stay writable when the rest is not.
    libc.mount(inside, inside, None, libc.BIND)
    kept = os.open(inside, os.O_PATH | os.O_DIRECTORY)
    libc.set_read_only("/", True, recursive=True)
    libc.set_read_only(inside, False, recursive=False)
    libc.mount("flatline", layers, "tmpfs", libc.NOSUID_NODEV, f"size={megabytes}m,mode=755")
    kept = _reopen(kept, inside)
    layers_kept = os.open(layers, os.O_PATH | os.O_DIRECTORY)
    refused = []
    for number, folder in enumerate(covered):
        try:
            _overlay(folder, layers_kept, number)
        except OSError as error:
            if any(_within(wanted, folder) for wanted in folders):
                raise
            refused.append(f"{folder} ({error.strerror})")
    libc.mount(f"/proc/self/fd/{kept}", inside, None, libc.BIND)
    # Loaders share memory there; a fresh one, so that nothing of other programs' can be touched.
    libc.mount("flatline", "/dev/shm", "tmpfs", libc.NOSUID_NODEV, "mode=1777")
    _loopback_up()
    os.close(kept)
    os.close(layers_kept)
    return refused


def give_up_privileges() -> None:
    """The last step before the program: it cannot undo what was done, even as root."""
    for capability in range(_LAST_CAPABILITY + 1):
        if capability not in _CAPABILITIES_KEPT:
            try:
                libc.prctl(24, capability)
            except OSError:
                # Older kernels know fewer.
                break
    libc.no_new_privileges()


def _unshare() -> None:
    what = libc.NEW_MOUNTS | libc.NEW_NETWORK | libc.NEW_PROCESSES
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        try:
            # Real root keeps its access to the files of other users.
            libc.unshare(what)
            return
        except PermissionError:
            pass
    libc.unshare(what | libc.NEW_USERS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _reopen(descriptor: int, path: str) -> int:
    """The folder through the mount that now lies on it: a descriptor from before keeps the mount below."""
    os.close(descriptor)
    return os.open(path, os.O_PATH | os.O_DIRECTORY)


def _overlay(folder: str, layers: int, number: int) -> None:
    """Lays a writable layer over a folder. The parts are named by descriptor: their paths may hold commas or colons."""
    seen = os.stat(folder)
    for part in ("upper", "work"):
        os.mkdir(f"{part}{number}", dir_fd=layers)
    below = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        upper, work = f"/proc/self/fd/{layers}/upper{number}", f"/proc/self/fd/{layers}/work{number}"
        # The folder itself is seen with the owner and the mode of the upper layer.
        with contextlib.suppress(PermissionError):
            os.chown(upper, seen.st_uid, seen.st_gid)
        os.chmod(upper, seen.st_mode & 0o7777)
        data = f"lowerdir=/proc/self/fd/{below},upperdir={upper},workdir={work},userxattr"
        libc.mount("flatline", folder, "overlay", libc.NOSUID_NODEV, data)
    finally:
        os.close(below)


def _to_cover(folders: list[str]) -> list[str]:
    """The folders to lay overlays on: the highest that have no other mount below, which an overlay would hide."""
    mounts = mount_points()
    found: list[str] = []

    def cover(folder: str, wanted: bool) -> None:
        if len(found) >= _MOST_OVERLAYS and not wanted:
            return
        if not any(_within(point, folder) and point != folder for point in mounts):
            found.append(folder)
            return
        try:
            children = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
        except OSError:
            return
        if len(children) > _MOST_OVERLAYS:
            children = [c for c in children if any(_within(w, c) for w in folders)]
        for child in children:
            cover(child, any(_within(w, child) for w in folders))

    for entry in sorted(os.scandir("/"), key=lambda entry: entry.name):
        wanted = any(_within(folder, entry.path) for folder in folders)
        if entry.is_dir(follow_symlinks=False) and (wanted or entry.name not in _SYSTEM):
            cover(entry.path, wanted)
    return found


def mount_points() -> list[str]:
    """Where something is mounted, in this namespace."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        found = [line.split()[4] for line in file]
    # Blanks, tabs, newlines and backslashes are written in octal.
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        found = [path.replace(code, character) for path in found]
    return found


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _loopback_up() -> None:
    """A program may talk to itself: distributed training on one machine does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))
