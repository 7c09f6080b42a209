"""What a file may hold: checked before skops reads it."""

from __future__ import annotations

import errno
import json
import math
import os
import struct
import zipfile

from numpy.lib import format as npy

from skae._saving.kinds import ABOUT, FORMAT, SCHEMA, nodes, unknown_kinds
from skae.exceptions import SavedFileError

SIGNS_OF_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RecursionError,
    RuntimeError,  # NotImplementedError among them
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


def check_archive(file):
    """Check all that skops would read; return what the file says of itself.

    Nothing larger than the file is read: no member is compressed, arrays are as long as
    they say, and each is read once.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check_members(archive.infolist(), file.seek(0, os.SEEK_END))
            about = {"format": FORMAT, "versions": {}, "metadata_requests": {}}
            if ABOUT in archive.namelist():
                about = json.loads(archive.read(ABOUT))
            _check_format(about["format"], about["versions"])
            schema = json.loads(archive.read(SCHEMA))
            _check_references(schema, archive)
            unknown = unknown_kinds(schema)
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # of a forged position
            raise
        raise SavedFileError(damaged(error)) from error
    except SavedFileError:
        raise
    except SIGNS_OF_DAMAGE as error:
        raise SavedFileError(damaged(error)) from error
    if unknown:
        raise SavedFileError(
            f"holds {unknown[0]:.200}, which is neither data nor a class of skae's, so "
            "it is not loaded. Use pickle for files of your own that hold code."
        )
    return about


def damaged(error):
    return (
        f"is damaged, or no file that save has written: {error!r:.500}. Take another "
        "copy of the file, or save again."
    )


def _check_members(members, size):
    names = [member.orig_filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError("it holds two members of one name")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("it is compressed, which save never does")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members are larger than the file")


def _check_format(number, versions):
    if type(number) is not int or not isinstance(versions, dict):
        raise TypeError("the format is no number, or there are no versions")
    if number != FORMAT:
        raise SavedFileError(
            f"has format {number!r:.20}, but this version of skae reads format "
            f"{FORMAT}. It was written by skae {versions.get('skae')!r:.20}: install "
            "that to load it."
        )


def _check_references(schema, archive):
    """Check that objects with one number are the same, and that arrays fit.

    skops makes such objects once. Others would be a way to write much in few words.
    """
    objects: dict = {}
    arrays: dict = {}
    for node in nodes(schema):
        number = node.get("__id__")
        if number is not None and not _same(objects.setdefault(number, node), node):
            raise ValueError("two objects have one number")
        if "file" in node:
            first = arrays.setdefault(node["file"], node)
            if first is node:
                _check_array(archive, node["file"])
            elif number is None or not _same(first, node):
                raise ValueError("two objects share one array")


def _same(one, other):
    """Tell whether two nodes describe equal objects, whatever their parts' numbers."""
    return one == other or _without_numbers(one) == _without_numbers(other)


def _without_numbers(part):
    if isinstance(part, dict):
        return {k: _without_numbers(v) for k, v in part.items() if k != "__id__"}
    return [_without_numbers(v) for v in part] if isinstance(part, list) else part


def _check_array(archive, name):
    size = archive.getinfo(name).file_size
    with archive.open(name) as file:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        shape, _, dtype = read[version](file)
        n_bytes = size - file.tell()
    if dtype.kind not in "biufU" or math.prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"{n_bytes} bytes make no {dtype} array of shape {shape}")
