"""Estimators as files of `skops.io`: checked before they are read, written whole."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import math
import os
import struct
import zipfile
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy
from sklearn import config_context

from skae import _files, _keras_config, _keras_state, _random
from skae._losses import KerasLoss
from skae._restored import OWN_NETWORKS, RestoredFit
from skae._sklearn_callbacks import has_callbacks
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork, Network

if TYPE_CHECKING:
    from skae._base import BaseAutoencoder

FORMAT = 1

_SCHEMA, _ABOUT = "schema.json", "skae.json"
_LIBRARIES = "keras", "numpy", "scikit-learn", "skops", "tensorflow"
_METHODS_WITH_METADATA = "fit", "partial_fit"
_NAMES_IN_KERAS = "activation", "code_activation", "optimizer"

# What skops' loaders may make; those that are not here call what the file names.
_DATA = {
    "DictNode": {"builtins.dict"},
    "ListNode": {"builtins.list"},
    "RandomStateNode": {"numpy.random.mtrand.RandomState", "numpy.random.RandomState"},
    "TupleNode": {"builtins.tuple"},
    "TypeNode": {"builtins.str"},  # of the keys of a dict
}


def _skops():
    """Import skops.io, which loads all of scikit-learn, only when it is needed."""
    import skops.io

    return skops.io


def save(estimator, path):
    """Write an estimator to a file; see `BaseAutoencoder.save`."""
    _files.write(path, _content(estimator))


def load(path: str | os.PathLike[str]) -> BaseAutoencoder:
    """Read an estimator that `save` has written.

    Nothing in the file is run: it names classes of skae's and of Keras' that only
    compute, and holds numbers and text. The networks are built on first use, after
    their weights have been compared with them; so that may raise a SavedFileError too.

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
    try:
        with open(path, "rb") as file:
            about = _check_archive(file)
            return _estimator_of(file, about)
    except SavedFileError as error:
        raise SavedFileError(f"{os.fspath(path)!r} {error}") from error.__cause__


# Writing


def _content(estimator):
    """Return the bytes of a file."""
    cls = type(estimator)
    if cls not in _estimators():
        raise TypeError(
            f"save writes skae's own estimators; {cls.__name__} is a class of your "
            "own, whose code no file of data can hold. Use pickle."
        )
    if has_callbacks(estimator):
        raise TypeError(
            "The callbacks of set_callbacks cannot be saved: they are code. Take them "
            "off with set_callbacks(), or use pickle."
        )
    written = object.__new__(cls)
    written.__dict__ = dict(vars(estimator))
    written.__dict__.pop("_metadata_request", None)
    _put_models_for_code(written)
    for name, value in written.__getstate__().items():
        _check_savable(name, value)
    file = io.BytesIO()
    _skops().dump(written, file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(_ABOUT, json.dumps(_about(estimator), indent=1))
    return file.getvalue()


def _put_models_for_code(estimator):
    """Let what a fit has made stand for the user's code that has made it.

    That is the Keras models that a network has built. The loss is used in training
    alone.
    """
    if not hasattr(estimator, "_fitted"):
        return
    fitted = estimator._fitted
    network, sample_shape, dim, objective = fitted.architecture
    if isinstance(objective.loss, KerasLoss) and objective.loss.is_of_user:
        objective = dataclasses.replace(objective, loss="mse")
    is_of_user = _is_of_user(network)
    if isinstance(network, CustomNetwork):
        with _random.seeded(0):
            network = network.of_models(sample_shape, dim, objective.outputs_per_code)
    elif is_of_user:
        network = CustomNetwork(fitted.codec.encoder, fitted.codec.decoder)
    architecture = network, sample_shape, dim, objective
    estimator._fitted = RestoredFit(architecture, fitted.weights, fitted.scaling)
    if is_of_user:
        _check_that_models_do(estimator._fitted)
        if _is_of_user(getattr(estimator, "network", None)):
            estimator.network = network


def _is_of_user(network):
    """Tell whether a network has models or code of the user's own."""
    return isinstance(network, Network) and type(network) not in OWN_NETWORKS


def _check_that_models_do(restored):
    """Raise a TypeError if the models of a user's network are not all that it is."""
    try:
        restored.check()
    except SavedFileError as error:
        raise TypeError(
            "network cannot be saved: its Keras models alone do not do what it does. "
            f"{error.__cause__ or error} Use pickle."
        ) from error


def _check_savable(name, value):
    try:
        _check_names({name: value})
        reason = _reason_against(value)
    except (TypeError, ValueError) as error:
        reason = str(error)
    if reason:
        name = "network" if name == "_fitted" else name
        raise TypeError(
            f"{name} cannot be saved: {reason} A file holds data alone. Set it to "
            "something else before saving, which does not change what was fitted, or "
            "use pickle."
        )


def _reason_against(value):
    """Return why a file of data cannot hold a value, or None."""
    if isinstance(value, _keras_state.UsersObject):
        return value.reason
    if isinstance(value, Network):
        value = value.__getstate__() if type(value) in _networks() else value
    if isinstance(value, dict | list | tuple):
        parts = value.values() if isinstance(value, dict) else value
        return next(filter(None, map(_reason_against, parts)), None)
    with zipfile.ZipFile(io.BytesIO(_skops().dumps(value))) as archive:
        unknown = _unknown_kinds(json.loads(archive.read(_SCHEMA)))
    return f"{value!r:.200} is {unknown[0]}." if unknown else None


def _check_names(parameters):
    """Raise a ValueError if a parameter names what the user has registered in Keras."""
    for name, value in parameters.items():
        if isinstance(value, Network) and not isinstance(value, CustomNetwork):
            _check_names(value.get_params(deep=False))
        if name in _NAMES_IN_KERAS and isinstance(value, str):
            _keras_config.check_name(value)


def _about(estimator):
    """Return what the file says of itself, beside what skops reads."""
    return {
        "format": FORMAT,
        "versions": _versions(),
        "metadata_requests": _metadata_requests(estimator),
    }


def _metadata_requests(estimator):
    """Return what `set_fit_request` and its like were told, by method."""
    requests = {}
    routing = estimator.get_metadata_routing()
    for method in _METHODS_WITH_METADATA:
        told = getattr(routing, method).requests
        requests[method] = {k: v for k, v in told.items() if v is not None}
    return requests


# Reading: the archive

_SIGNS_OF_DAMAGE = (
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


def _check_archive(file):
    """Check all that skops would read; return what the file says of itself.

    Nothing larger than the file is read: no member is compressed, arrays are as long as
    they say, and each is read once.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check_members(archive.infolist(), file.seek(0, os.SEEK_END))
            about = {"format": FORMAT, "versions": {}, "metadata_requests": {}}
            if _ABOUT in archive.namelist():
                about = json.loads(archive.read(_ABOUT))
            _check_format(about["format"], about["versions"])
            schema = json.loads(archive.read(_SCHEMA))
            _check_references(schema, archive)
            unknown = _unknown_kinds(schema)
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # of a forged position
            raise
        raise SavedFileError(_nothing_of_ours(error)) from error
    except SavedFileError:
        raise
    except _SIGNS_OF_DAMAGE as error:
        raise SavedFileError(_nothing_of_ours(error)) from error
    if unknown:
        raise SavedFileError(
            f"holds {unknown[0]:.200}, which is neither data nor a class of skae's, so "
            "it is not loaded. Use pickle for files of your own that hold code."
        )
    return about


def _nothing_of_ours(error):
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
    for node in _nodes(schema):
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


def _nodes(part):
    """Yield the nodes of a schema of skops, from the outside in."""
    if isinstance(part, dict):
        if "__loader__" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from _nodes(item)


def _unknown_kinds(schema):
    """Return names of what a schema holds beside data and skae's own classes."""
    return [
        f"{node['__module__']}.{node['__class__']}"
        for node in _nodes(schema)
        if not _is_known(node, f"{node['__module__']}.{node['__class__']}")
    ]


def _is_known(node, name):
    loader = node["__loader__"]
    if loader == "JsonNode":
        return True
    if loader == "NdArrayNode":
        scalar = name.removeprefix("numpy.")
        return name == "numpy.ndarray" or np.dtype(scalar).kind in "biuf"
    if loader == "ObjectNode":
        return name in _trusted()
    return name in _DATA.get(loader, ())


# Reading: the estimator


def _estimator_of(file, about):
    try:
        estimator = _skops().load(file, trusted=_trusted())
        _check_estimator(estimator)
        defaults = type(estimator)().get_params(deep=False)
        vars(estimator).update({**defaults, **vars(estimator)})
        _set_metadata_requests(estimator, about["metadata_requests"])
        return estimator
    except SavedFileError:
        raise
    except _SIGNS_OF_DAMAGE as error:
        versions = about["versions"]
        writers = ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
        raise SavedFileError(
            f"is not what skae {_versions()['skae']} writes: {error!r:.500}. If it is "
            "from somebody you trust, install what it says has written it: "
            f"{writers or 'unknown':.200}. Otherwise do not use it."
        ) from error


def _check_estimator(estimator):
    """Raise a ValueError or the like if an estimator is not what `save` was given."""
    cls = type(estimator)
    if cls not in _estimators():
        raise ValueError(f"{cls.__name__} is no estimator of skae's")
    parameters = cls().get_params(deep=False)
    for name, value in vars(estimator).items():
        is_own = hasattr(cls, name) or name.startswith("__")
        if is_own and name not in parameters:
            raise ValueError(f"attribute {name!r:.50} is the estimator's own")
        _check_value(value)
    _check_names({k: v for k, v in vars(estimator).items() if k in parameters})
    if hasattr(estimator, "_fitted"):
        _check_fit(estimator)


def _check_value(value):
    if isinstance(value, Network):
        _check_network(value)
    if isinstance(value, np.random.RandomState):
        # NumPy itself reads from wherever the position says.
        position = value.get_state(legacy=False)["state"]["pos"]
        if not 0 <= position <= 624:
            raise ValueError(f"a random state has the position {position!r:.50}")


def _check_network(network):
    cls = type(network)
    if isinstance(network, CustomNetwork):
        import keras  # which has made the models

        is_right = all(isinstance(v, keras.Model) for v in vars(network).values())
        names = {"encoder", "decoder"}
    else:
        is_right = all(map(_is_size_or_name, vars(network).values()))
        names = set(cls().get_params(deep=False))
    if vars(network).keys() != names or not is_right:
        raise ValueError(f"{cls.__name__} has other parameters than {sorted(names)}")


def _is_size_or_name(value):
    if isinstance(value, list | tuple):
        return all(map(_is_size_or_name, value)) and str not in map(type, value)
    return value is None or isinstance(value, str | int | float | np.number)


def _check_fit(estimator):
    """Raise a ValueError if sizes differ between a fit and what tells of it."""
    network, sample_shape, dim, _ = estimator._fitted.architecture
    if type(network) not in _networks():
        raise ValueError(f"{network!r:.100} is no network of skae's")
    _check_network(network)
    _check_names({"network": network})
    sizes = {
        "sample_shape_": sample_shape,
        "n_features_in_": math.prod(sample_shape),
        "encoding_dim_": dim,
        "_n_features_out": dim,
    }
    for name, size in sizes.items():
        if getattr(estimator, name) != size:
            raise ValueError(f"{name} is {getattr(estimator, name)!r:.50}, not {size}")


def _set_metadata_requests(estimator, requests_by_method):
    with config_context(enable_metadata_routing=True):
        for method, requests in requests_by_method.items():
            if method not in _METHODS_WITH_METADATA:
                raise ValueError(f"{method!r:.50} takes no metadata")
            if requests:
                getattr(estimator, f"set_{method}_request")(**requests)


# What there is


def _estimators():
    import skae  # which imports this module

    public = [getattr(skae, name) for name in skae.__all__]
    return [item for item in public if isinstance(item, type)]


def _networks():
    return *OWN_NETWORKS, CustomNetwork


def _trusted():
    """Return the names of skae's own classes, as files have them."""
    classes = *_estimators(), *_networks()
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in classes]


def _versions():
    """Return the versions of skae and of what it stands on, as far as known."""
    import skae  # which imports this module

    versions = {"skae": skae.__version__}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
