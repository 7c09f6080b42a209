"""JSON text and arrays in one file: a zip archive that is written whole and checked.

The archive has three members, stored without compression:

- ``manifest.json``: the number of the format, the versions of the libraries that wrote
  it, and the SHA-256 digests of the other two;
- ``estimator.json``: the text;
- ``arrays.npz``: the arrays, named ``arr_0`` and so on.
"""

import errno
import hashlib
import io
import json
import math
import os
import re
import struct
import uuid
import zipfile
from pathlib import Path

import numpy as np

from skae.exceptions import SavedFileError

FORMAT = 1

_MANIFEST, _TEXT, _ARRAYS = "manifest.json", "estimator.json", "arrays.npz"

# What NumPy writes for numbers in C order. To read no more than that evaluates nothing.
_HEADER = re.compile(
    rb"\{'descr': '([<>|][biuf](?:1|2|4|8|16))', 'fortran_order': False, "
    rb"'shape': \(([\d, ]*)\), \} *\n"
)


def write(path, text, arrays, versions):
    """Write a file that appears whole or not at all, in place of what was there.

    Parameters
    ----------
    path : str or path-like
        The file.

    text : str
        JSON.

    arrays : list of ndarray
        Of numbers.

    versions : dict of str to str
        Of the libraries that write; "skae" among them.
    """
    members = {_TEXT: text.encode(), _ARRAYS: _npz(arrays)}
    manifest = {
        "format": FORMAT,
        "versions": versions,
        "sha256": {name: _digest(content) for name, content in members.items()},
    }
    members = {_MANIFEST: json.dumps(manifest, indent=1).encode(), **members}
    path = Path(path)
    draft = path.with_name(f".{uuid.uuid4().hex}.skae")
    with open(draft, "xb") as file:
        try:
            _write_members(file, members)
            file.flush()
            os.fsync(file.fileno())
            file.close()  # an open file cannot be renamed everywhere
            os.replace(draft, path)
        except BaseException:
            file.close()
            os.unlink(draft)
            raise


def _npz(arrays):
    buffer = io.BytesIO()
    # In C order, as `_array` reads them.
    np.savez(buffer, *(np.array(array, order="C") for array in arrays))
    return buffer.getvalue()


def _write_members(file, members):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            # A fixed date: the same estimator gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), content)


def read(path):
    """Read what `write` has written.

    Returns
    -------
    text : str
    arrays : list of ndarray
    versions : dict
        As the file says.

    Raises
    ------
    SavedFileError
        When it is something else, or has changed since.

    OSError
        When it cannot be read.
    """
    with open(path, "rb") as file:
        members = _members(file)
    manifest = _manifest(members[_MANIFEST])
    for name, digest in manifest["sha256"].items():
        if _digest(members[name]) != digest:
            raise SavedFileError(
                f"is damaged: {name} is not as it was written. Take another copy of "
                "the file, or save again."
            )
    try:
        return members[_TEXT].decode(), _arrays(members[_ARRAYS]), manifest["versions"]
    except _SIGNS_OF_DAMAGE as error:
        raise SavedFileError(
            f"is not what save writes, though its digests are right: {error}. "
            "Somebody has changed it; do not use it."
        ) from error


# What the zip format's readers raise.
_SIGNS_OF_DAMAGE = (
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,  # NotImplementedError among them
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


def _members(file):
    """Return the members of a file by name, after all that the archive tells."""
    try:
        return _read_members(file, {_MANIFEST, _TEXT, _ARRAYS})
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # of a forged position
            raise
        raise SavedFileError(_nothing_of_ours(error)) from error
    except _SIGNS_OF_DAMAGE as error:
        raise SavedFileError(_nothing_of_ours(error)) from error


def _nothing_of_ours(error):
    return (
        f"is damaged, or no file that save has written: {error}. Take another copy of "
        "the file, or save again."
    )


def _read_members(file, names):
    """Read the members of an archive that is as large as they are together."""
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        found = [member.orig_filename for member in members]
        if sorted(found) != sorted(names):
            raise ValueError(f"it holds {found[:5]}, not {sorted(names)[:5]}")
        if sum(member.file_size for member in members) > size:
            raise ValueError("its members are larger than the file")
        return {member.filename: _stored(archive, member) for member in members}


def _stored(archive, member):
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed, which save never does")
    return archive.read(member)


def _manifest(content):
    try:
        manifest = json.loads(content.decode())
        number, versions = manifest["format"], manifest["versions"]
        if type(number) is not int or not isinstance(versions, dict):
            raise TypeError("the format is no number, or there are no versions")
    except (LookupError, RecursionError, TypeError, ValueError) as error:
        raise SavedFileError(_nothing_of_ours(f"its manifest: {error!r}")) from error
    if number != FORMAT:
        raise SavedFileError(
            f"has format {number!r:.20}, but this version of skae reads format "
            f"{FORMAT}. It was written by skae {versions.get('skae')!r:.20}: install "
            "that to load it."
        )
    digests = manifest.get("sha256")
    if not isinstance(digests, dict) or set(digests) != {_TEXT, _ARRAYS}:
        raise SavedFileError(_nothing_of_ours("its manifest has no digests"))
    return manifest


def _arrays(content):
    """Return the arrays of an npz file."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(file) as archive:
        n_arrays = len(archive.infolist())
    names = [f"arr_{number}.npy" for number in range(n_arrays)]
    members = _read_members(file, names)
    return [_array(members[name]) for name in names]


def _array(content):
    """Return an array of an npy file whose header says no more than there is."""
    header_size = int.from_bytes(content[8:10], "little")
    header = _HEADER.fullmatch(content[10 : 10 + header_size])
    if content[:8] != b"\x93NUMPY\x01\x00" or not header:
        raise ValueError("among the arrays is something else than numbers in C order")
    dtype = np.dtype(header[1].decode())
    shape = tuple(int(size) for size in header[2].decode().split(",") if size.strip())
    n_bytes = len(content) - 10 - header_size
    if math.prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"{n_bytes} bytes make no {dtype} array of shape {shape}")
    values = np.frombuffer(content, dtype, math.prod(shape), 10 + header_size)
    return values.reshape(shape).copy()


def _digest(content):
    return hashlib.sha256(content).hexdigest()
