"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import stat
import uuid
from pathlib import Path

from skae._runtime.interrupts import interrupts_deferred, let_interrupts_in

# 32 MB, which slow disks (100 MB a second) write in less time than a user wants to wait
# for Ctrl-C.
_PIECE = 2**25


def write(path, content):
    """Write a file in place of what was there, once all of it is on the disk.

    Symbolic links are followed. An existing file keeps its mode and owner. One with
    several names (hard links) is written in place, so that all names show it.

    Parameters
    ----------
    path : str or path-like
        The file.

    content : bytes
        What it is to hold.

    Raises
    ------
    ValueError
        When there is something else than a file, such as a device or a pipe.

    OSError
        When the file cannot be written, or says that nobody may write to it.
    """
    target = Path(os.path.realpath(path))
    try:
        present = _present(target, path)
        with interrupts_deferred():
            if present is not None and present.st_nlink > 1:
                _fill(target, "r+b", content)
            else:
                _replace(target, present, content)
    except OSError as error:
        # In the user's words: the path of the draft or of a link's target tells less.
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _present(target, path):
    """Return what the system says of a file that may be replaced, None if none is."""
    try:
        present = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(present.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(present.st_mode):
        raise ValueError(
            f"{os.fspath(path)!r} is a device, a pipe or the like, which cannot be "
            "replaced by a file. Give the name of a file."
        )
    anybody_may_write = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    if not (present.st_mode & anybody_may_write and os.access(target, os.W_OK)):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    return present


def _replace(target, present, content):
    """Write a draft and put it in place; Ctrl-C leaves what was there, and no draft."""
    draft = target.with_name(f".{uuid.uuid4().hex}.draft")
    try:
        _fill(draft, "xb", content, let_interrupts_in)
        if present is not None:
            _take_over(draft, present)
        os.replace(draft, target)
    except BaseException:  # Ctrl-C too
        draft.unlink(missing_ok=True)
        raise


def _take_over(draft, present):
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):  # another's file
            os.chown(draft, present.st_uid, present.st_gid)
    os.chmod(draft, stat.S_IMODE(present.st_mode))


def _fill(path, mode, content, after_each_piece=lambda: None):
    """Write a file and have it on the disk, a piece at a time."""
    with open(path, mode) as file:
        for start in range(0, len(content), _PIECE):
            file.write(content[start : start + _PIECE])
            file.flush()
            os.fsync(file.fileno())
            after_each_piece()
        file.truncate()
