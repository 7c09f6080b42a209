"""Estimators from files of `skops.io`, without running code from them."""

from __future__ import annotations

import json
import math
import os
import zipfile

import numpy as np
from sklearn import config_context

from skae._runtime.version import __version__
from skae._saving.archive import SIGNS_OF_DAMAGE, check_archive
from skae._saving.kinds import (
    ESTIMATORS,
    METHODS_WITH_METADATA,
    SCHEMA,
    check_names,
    name_of,
    networks_of_ours,
)
from skae._saving.objects import read_objects
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork, Network


def read(path):
    """Return the estimator in a file; see `skae.load`."""
    try:
        with open(path, "rb") as file:
            about = check_archive(file)
            return _estimator_of(file, about)
    except SavedFileError as error:
        raise SavedFileError(f"{os.fspath(path)!r} {error}") from error.__cause__


def _estimator_of(file, about):
    try:
        with zipfile.ZipFile(file) as archive:
            schema = json.loads(archive.read(SCHEMA))
            estimator = read_objects(file, archive, schema)
        _check_estimator(estimator)
        defaults = type(estimator)().get_params(deep=False)
        vars(estimator).update({**defaults, **vars(estimator)})
        _set_metadata_requests(estimator, about["metadata_requests"])
        return estimator
    except SavedFileError:
        raise
    except SIGNS_OF_DAMAGE as error:
        versions = about["versions"]
        writers = ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
        raise SavedFileError(
            f"is not what skae {__version__} writes: {error!r:.500}. If it is from "
            "somebody you trust, install what it says has written it: "
            f"{writers or 'unknown':.200}. Otherwise do not use it."
        ) from error


def _check_estimator(estimator):
    """Raise a ValueError or the like if an estimator is not what `save` was given."""
    cls = type(estimator)
    if name_of(cls) not in ESTIMATORS:
        raise ValueError(f"{cls.__name__} is no estimator of skae's")
    parameters = cls().get_params(deep=False)
    for name, value in vars(estimator).items():
        is_own = hasattr(cls, name) or name.startswith("__")
        if is_own and name not in parameters:
            raise ValueError(f"attribute {name!r:.50} is the estimator's own")
        _check_value(value)
    check_names({k: v for k, v in vars(estimator).items() if k in parameters})
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
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iu"
    if isinstance(value, list | tuple):
        return all(map(_is_size_or_name, value)) and str not in map(type, value)
    return value is None or isinstance(value, str | int | float | np.number)


def _check_fit(estimator):
    """Raise a ValueError if sizes differ between a fit and what tells of it."""
    architecture = estimator._fitted.architecture
    network, sample_shape = architecture.network, architecture.sample_shape
    dim = architecture.encoding_dim
    if type(network) not in networks_of_ours():
        raise ValueError(f"{network!r:.100} is no network of skae's")
    _check_network(network)
    check_names({"network": network})
    sizes = {
        "sample_shape_": sample_shape,
        "n_features_in_": math.prod(sample_shape),
        "_n_features_out": dim,
    }
    if "encoding_dim" in type(estimator)().get_params(deep=False):
        sizes["encoding_dim_"] = dim
    for name, size in sizes.items():
        if getattr(estimator, name) != size:
            raise ValueError(f"{name} is {getattr(estimator, name)!r:.50}, not {size}")


def _set_metadata_requests(estimator, requests_by_method):
    with config_context(enable_metadata_routing=True):
        for method, requests in requests_by_method.items():
            if method not in METHODS_WITH_METADATA:
                raise ValueError(f"{method!r:.50} takes no metadata")
            if requests:
                getattr(estimator, f"set_{method}_request")(**requests)
