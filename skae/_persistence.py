"""Estimators as files: one zip archive of JSON text and arrays.

The archive has three members, stored without compression:

- ``manifest.json``: the number of the format, the versions of the libraries that wrote
  it, and the SHA-256 digests of the other two;
- ``estimator.json``: class, parameters, attributes and state, as `skae._plain` says;
- ``arrays.npz``: the arrays, named ``arr_0`` and so on.
"""

import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
from sklearn import config_context

from skae import _plain
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork

FORMAT = 1

_MANIFEST, _TEXT, _ARRAYS = "manifest.json", "estimator.json", "arrays.npz"
_LIBRARIES = "keras", "numpy", "scikit-learn", "tensorflow"
_METHODS_WITH_METADATA = ("fit",)


def save(estimator, path):
    """Write an estimator to a file; see `BaseAutoencoder.save`."""
    members = _members(estimator)
    path = Path(path)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            _write_archive(file, members)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, _usual_permissions())
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def load(path):
    """Read an estimator that `save` has written.

    Nothing in the file is run: it names classes of skae's and of Keras' that only
    compute, and holds numbers and text. So files of strangers can be loaded. The Keras
    models are built on first use.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator : AutoencoderTransformer, ConvAutoencoder, or another of skae's
        As it was when it was saved.

    Raises
    ------
    skae.exceptions.SavedFileError
        When the file is damaged, forged, of a newer format, or something else.

    OSError
        When it cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import skae
    >>> X = np.random.RandomState(0).rand(100, 8)
    >>> autoencoder = skae.AutoencoderTransformer(2, epochs=1, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "autoencoder.skae"
    ...     autoencoder.save(path)
    ...     again = skae.load(path)
    >>> bool((again.transform(X) == autoencoder.transform(X)).all())
    True
    """
    with open(path, "rb") as file:
        try:
            return _estimator_of(*_checked_members(file))
        except SavedFileError as error:
            raise SavedFileError(f"{os.fspath(path)!r} {error}") from error.__cause__
        except _SIGNS_OF_FORGERY as error:
            raise SavedFileError(
                f"{os.fspath(path)!r} is not what save writes, though its digests are "
                f"right: {error!r:.500}. Somebody has changed it; do not use it."
            ) from error


_SIGNS_OF_FORGERY = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


def _members(estimator):
    """Return the names and bytes of what an archive holds."""
    text, arrays = _text_and_arrays(estimator)
    members = {_TEXT: text.encode(), _ARRAYS: _npz(arrays)}
    manifest = {
        "format": FORMAT,
        "versions": _versions(),
        "sha256": {name: _digest(content) for name, content in members.items()},
    }
    return {_MANIFEST: json.dumps(manifest, indent=1).encode(), **members}


def _text_and_arrays(estimator):
    cls = type(estimator)
    if cls not in _estimators().values():
        raise TypeError(
            f"save writes skae's own estimators; {cls.__name__} is a class of your "
            "own, whose code no file of data can hold. Use pickle."
        )
    attributes = dict(vars(estimator))
    attributes.pop("_metadata_request", None)
    parameters = estimator.get_params(deep=False)
    content = {
        "class": cls.__name__,
        "parameters": parameters,
        "attributes": {k: v for k, v in attributes.items() if k not in parameters},
        "metadata_requests": _metadata_requests(estimator),
    }
    _put_models_for_code(estimator, content)
    for group in ("parameters", "attributes"):
        for name, value in content[group].items():
            _check_savable(name, value)
    return _plain.dumps(content)


def _put_models_for_code(estimator, content):
    """Let the Keras models that a user's network has built stand for its code."""
    fitted = content["attributes"].get("_fitted")
    if fitted is None:
        return
    network, sample_shape, dim, objective = fitted.architecture
    if not _plain.is_of_user(network):
        return
    if isinstance(network, CustomNetwork):
        network = network.of_models(sample_shape, dim, objective.outputs_per_code)
    else:
        network = CustomNetwork(fitted.codec.encoder, fitted.codec.decoder)
    architecture = network, sample_shape, dim, objective
    restored = type(fitted).restored(architecture, fitted.weights, fitted.scaling)
    content["attributes"]["_fitted"] = restored
    if "network" in content["parameters"]:
        content["parameters"]["network"] = network


def _check_savable(name, value):
    try:
        _plain.dumps(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} cannot be saved: {error}. A file holds data alone. Set it to "
            "something else before saving, which does not change what was fitted, or "
            "use pickle."
        ) from error


def _metadata_requests(estimator):
    """Return what `set_fit_request` and its like were told, by method."""
    requests = {}
    routing = estimator.get_metadata_routing()
    for method in _METHODS_WITH_METADATA:
        told = getattr(routing, method).requests
        requests[method] = {k: v for k, v in told.items() if v is not None}
    return requests


def _npz(arrays):
    buffer = io.BytesIO()
    # In C order, as `_array` reads them.
    np.savez(buffer, *(np.array(array, order="C") for array in arrays))
    return buffer.getvalue()


def _write_archive(file, members):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            # A fixed date: the same estimator gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), content)


def _usual_permissions():
    """Return what a new file gets; temporary ones are closed to others."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _checked_members(file):
    """Return text and arrays of a file, after all that can be told from outside."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = _read_members(archive)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as error:
        raise SavedFileError(f"is no file that save has written: {error}") from error
    except (LookupError, RuntimeError, ValueError, OverflowError) as error:
        raise SavedFileError(f"is damaged: {error}") from error
    manifest = _manifest(members[_MANIFEST])
    for name, digest in manifest["sha256"].items():
        if _digest(members[name]) != digest:
            raise SavedFileError(
                f"is damaged: {name} is not as it was written. Save or copy it again."
            )
    return members[_TEXT], members[_ARRAYS]


def _read_members(archive):
    names = archive.namelist()
    if sorted(names) != sorted([_MANIFEST, _TEXT, _ARRAYS]):
        raise SavedFileError(
            f"is no file that save has written: it holds {names[:5]}, not "
            f"{[_MANIFEST, _TEXT, _ARRAYS]}"
        )
    return {name: _read_stored(archive, name) for name in names}


def _read_stored(archive, name):
    """Read a member; since none is compressed, none is larger than its file."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise SavedFileError("is compressed, which save never does")
    return archive.read(name)


def _manifest(content):
    try:
        manifest = json.loads(content)
        number = manifest["format"]
        if set(manifest["sha256"]) != {_TEXT, _ARRAYS}:
            raise ValueError("digests are missing")
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise SavedFileError(f"has a damaged manifest: {error!r}") from error
    if number != FORMAT:
        raise SavedFileError(
            f"has format {number!r:.20}, written by skae "
            f"{_writer(manifest)}; skae {_versions()['skae']} reads format {FORMAT}. "
            "Install that version of skae to load it."
        )
    return manifest


def _writer(manifest):
    versions = manifest.get("versions")
    return versions.get("skae") if isinstance(versions, dict) else "of unknown version"


def _arrays(content):
    """Return the arrays of an npz file whose headers say no more than there is."""
    arrays = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for number, info in enumerate(archive.infolist()):
            if info.filename != f"arr_{number}.npy":
                raise ValueError(f"{info.filename!r} among the arrays")
            arrays.append(_array(_read_stored(archive, info.filename)))
    return arrays


def _array(content):
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, in_fortran_order, dtype = read_header(file)
    if in_fortran_order or dtype.kind not in "biuf":
        raise ValueError(f"an array of {dtype}, in another order or of another kind")
    values = np.frombuffer(content, dtype, offset=file.tell())
    return values.reshape(shape).copy()


def _estimator_of(text, arrays):
    content = _plain.loads(text, _arrays(arrays))
    cls = _estimators()[content["class"]]
    estimator = cls(**content["parameters"])
    for name, value in content["attributes"].items():
        if hasattr(cls, name):
            raise ValueError(f"attribute {name!r} is the class's own")
        setattr(estimator, name, value)
    with config_context(enable_metadata_routing=True):
        for method, requests in content["metadata_requests"].items():
            if method in _METHODS_WITH_METADATA and requests:
                getattr(estimator, f"set_{method}_request")(**requests)
    return estimator


def _estimators():
    import skae  # which imports this module

    names = [name for name in skae.__all__ if isinstance(getattr(skae, name), type)]
    return {name: getattr(skae, name) for name in names}


def _versions():
    """Return the versions of skae and of what it stands on, as far as known."""
    import skae  # which imports this module

    versions = {"skae": skae.__version__}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _digest(content):
    return hashlib.sha256(content).hexdigest()
