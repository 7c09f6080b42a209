"""Estimators as files of `skops.io`, written whole."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile

from skae._keras.models import UsersObject
from skae._objective.losses import KerasLoss
from skae._runtime.randomness import seeded
from skae._saving.atomic import write
from skae._saving.fitted import OWN_NETWORKS, LoadedNetwork
from skae._saving.kinds import (
    ABOUT,
    ESTIMATORS,
    FORMAT,
    METHODS_WITH_METADATA,
    SCHEMA,
    check_names,
    load_skops,
    name_of,
    networks_of_ours,
    unknown_kinds,
    versions_now,
)
from skae._training.sklearn_callbacks import has_callbacks
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork, Network

# What the user calls attributes that are not parameters.
_PLACES = {"_fitted": "network", "_table": "a column of the table"}


def save(estimator, path):
    """Write an estimator to a file; see `BaseAutoencoder.save`."""
    write(path, _content(estimator))


def _content(estimator):
    """Return the bytes of a file."""
    cls = type(estimator)
    if name_of(cls) not in ESTIMATORS:
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
    load_skops().dump(written, file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(ABOUT, json.dumps(_about(estimator), indent=1))
    return file.getvalue()


def _put_models_for_code(estimator):
    """Let what a fit has made stand for the user's code that has made it.

    That is the Keras models that a network has built. The loss is used in training
    alone.
    """
    if not hasattr(estimator, "_fitted"):
        return
    fitted = estimator._fitted
    architecture = fitted.architecture
    network, objective = architecture.network, architecture.objective
    if isinstance(objective.loss, KerasLoss) and objective.loss.is_of_user:
        objective = dataclasses.replace(objective, loss="mse")
    is_of_user = _is_of_user(network)
    if isinstance(network, CustomNetwork):
        with seeded(0):
            network = network.of_models(
                architecture.sample_shape,
                architecture.encoding_dim,
                objective.outputs_per_code,
            )
    elif is_of_user:
        network = CustomNetwork(fitted.codec.encoder, fitted.codec.decoder)
    architecture = dataclasses.replace(
        architecture, network=network, objective=objective
    )
    estimator._fitted = LoadedNetwork(
        architecture,
        fitted.weights,
        fitted.scaling,
        fitted.correction,
        fitted.graphs,
        fitted.donors,
    )
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
        check_names({name: value})
        reason = _reason_against(value)
    except (TypeError, ValueError) as error:
        reason = str(error)
    if reason:
        name = _PLACES.get(name, name)
        raise TypeError(
            f"{name} cannot be saved: {reason} A file holds data alone. Set it to "
            "something else before saving, which does not change what was fitted, or "
            "use pickle."
        )


def _reason_against(value):
    """Return why a file of data cannot hold a value, or None."""
    if isinstance(value, UsersObject):
        return value.reason
    if isinstance(value, Network):
        value = value.__getstate__() if type(value) in networks_of_ours() else value
    if isinstance(value, dict | list | tuple):
        parts = value.values() if isinstance(value, dict) else value
        return next(filter(None, map(_reason_against, parts)), None)
    with zipfile.ZipFile(io.BytesIO(load_skops().dumps(value))) as archive:
        unknown = unknown_kinds(json.loads(archive.read(SCHEMA)))
    return f"{value!r:.200} is {unknown[0]}." if unknown else None


def _about(estimator):
    """Return what the file says of itself, beside what skops reads."""
    return {
        "format": FORMAT,
        "versions": versions_now(),
        "metadata_requests": _metadata_requests(estimator),
    }


def _metadata_requests(estimator):
    """Return what `set_fit_request` and its like were told, by method."""
    requests = {}
    routing = estimator.get_metadata_routing()
    for method in METHODS_WITH_METADATA:
        told = getattr(routing, method).requests
        requests[method] = {k: v for k, v in told.items() if v is not None}
    return requests
