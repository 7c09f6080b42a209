"""Estimators as files: their state as `skae._plain` says it, in a `skae._archive`."""

import contextlib
import math
import os
from importlib import metadata

from sklearn import config_context

from skae import _archive, _keras_config, _plain, _random
from skae._restored import RestoredFit
from skae._sklearn_callbacks import has_callbacks
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork, Network

_LIBRARIES = "keras", "numpy", "scikit-learn", "tensorflow"
_METHODS_WITH_METADATA = "fit", "partial_fit"
_NAMES_IN_KERAS = "activation", "code_activation", "optimizer"


def save(estimator, path):
    """Write an estimator to a file; see `BaseAutoencoder.save`."""
    text, arrays = _text_and_arrays(estimator)
    _archive.write(path, text, arrays, _versions())


def load(path):
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
        text, arrays, versions = _archive.read(path)
        return _estimator_of(text, arrays, versions)
    except SavedFileError as error:
        raise SavedFileError(f"{os.fspath(path)!r} {error}") from error.__cause__


def _text_and_arrays(estimator):
    cls = type(estimator)
    if cls not in _estimators().values():
        raise TypeError(
            f"save writes skae's own estimators; {cls.__name__} is a class of your "
            "own, whose code no file of data can hold. Use pickle."
        )
    attributes = dict(vars(estimator))
    attributes.pop("_metadata_request", None)
    if has_callbacks(estimator):
        raise TypeError(
            "The callbacks of set_callbacks cannot be saved: they are code. Take them "
            "off with set_callbacks(), or use pickle."
        )
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
        with _random.seeded(0):
            network = network.of_models(sample_shape, dim, objective.outputs_per_code)
    else:
        network = CustomNetwork(fitted.codec.encoder, fitted.codec.decoder)
    architecture = network, sample_shape, dim, objective
    restored = RestoredFit.restored(architecture, fitted.weights, fitted.scaling)
    _check_that_models_do(restored)
    content["attributes"]["_fitted"] = restored
    if _plain.is_of_user(content["parameters"].get("network")):
        content["parameters"]["network"] = network


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
        _plain.dumps(value)
        _check_names({name: value})
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} cannot be saved: {error} A file holds data alone. Set it to "
            "something else before saving, which does not change what was fitted, or "
            "use pickle."
        ) from error


def _check_names(parameters):
    """Raise a ValueError if a parameter names what the user has registered in Keras."""
    for name, value in parameters.items():
        if isinstance(value, Network) and not isinstance(value, CustomNetwork):
            _check_names(value.get_params(deep=False))
        if name in _NAMES_IN_KERAS and isinstance(value, str):
            _keras_config.check_name(value)


def _metadata_requests(estimator):
    """Return what `set_fit_request` and its like were told, by method."""
    requests = {}
    routing = estimator.get_metadata_routing()
    for method in _METHODS_WITH_METADATA:
        told = getattr(routing, method).requests
        requests[method] = {k: v for k, v in told.items() if v is not None}
    return requests


def _estimator_of(text, arrays, versions):
    try:
        content = _plain.loads(text, arrays)
        estimator = _estimators()[content["class"]](**content["parameters"])
        _check_names(content["parameters"])
        _set_attributes(estimator, content["attributes"])
        _set_metadata_requests(estimator, content["metadata_requests"])
        return estimator
    except _SIGNS_OF_FORGERY as error:
        writers = ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
        raise SavedFileError(
            f"is not what skae {_versions()['skae']} writes, though its digests are "
            f"right: {error!r:.500}. If it is from somebody you trust, install what it "
            f"says has written it: {writers:.200}. Otherwise do not use it."
        ) from error


_SIGNS_OF_FORGERY = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def _set_attributes(estimator, attributes):
    for name, value in attributes.items():
        if hasattr(estimator, name) or name.startswith("__"):
            raise ValueError(f"attribute {name!r:.50} is the estimator's own")
        setattr(estimator, name, value)
    if "_fitted" in attributes:
        _check_fit(estimator)


def _check_fit(estimator):
    """Raise a ValueError if sizes differ between a fit and what tells of it."""
    network, sample_shape, dim, _ = estimator._fitted.architecture
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
