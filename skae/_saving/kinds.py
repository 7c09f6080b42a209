"""What a file of an estimator may name: data, and skae's own classes."""

import contextlib
from importlib import metadata

import numpy as np

from skae._keras.allowed import check_name
from skae._runtime.version import __version__
from skae._saving.fitted import OWN_NETWORKS
from skae.networks import CustomNetwork, Network

FORMAT = 1

SCHEMA, ABOUT = "schema.json", "skae.json"

# What skops' loaders may make; those that are not here call what the file names.
_DATA = {
    "DictNode": {"builtins.dict"},
    "ListNode": {"builtins.list"},
    "RandomStateNode": {"numpy.random.mtrand.RandomState", "numpy.random.RandomState"},
    "TupleNode": {"builtins.tuple"},
    "TypeNode": {"builtins.str"},  # of the keys of a dict
}

ESTIMATORS = {
    "skae.AutoencoderTransformer",
    "skae.ConvAutoencoder",
    "skae.DenoisingAutoencoder",
    "skae.ParametricTSNE",
    "skae.SequenceAutoencoder",
    "skae.TableEncoder",
    "skae.VAETransformer",
}

METHODS_WITH_METADATA = "fit", "partial_fit"
_LIBRARIES = "keras", "numpy", "scikit-learn", "skops", "tensorflow"
_NAMES_IN_KERAS = "activation", "code_activation", "optimizer"


def load_skops():
    """Import skops.io, which loads all of scikit-learn, only when it is needed."""
    import skops.io

    return skops.io


def nodes(part):
    """Yield the nodes of a schema of skops, from the outside in."""
    if isinstance(part, dict):
        if "__loader__" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from nodes(item)


def unknown_kinds(schema):
    """Return names of what a schema holds beside data and skae's own classes."""
    return [
        f"{node['__module__']}.{node['__class__']}"
        for node in nodes(schema)
        if not is_known(node)
    ]


def is_known(node):
    """Tell whether a node is data, or an object of skae's own class."""
    loader, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
    if loader == "JsonNode":
        return True
    if loader == "NdArrayNode":
        scalar = name.removeprefix("numpy.")
        return name == "numpy.ndarray" or np.dtype(scalar).kind in "biuf"
    if loader == "ObjectNode":
        return name in trusted()
    return name in _DATA.get(loader, ())


def name_of(cls):
    """Return the name of a class, as files have it."""
    return f"{cls.__module__}.{cls.__qualname__}"


def networks_of_ours():
    """Return the classes of networks that a file may hold."""
    return *OWN_NETWORKS, CustomNetwork


def trusted():
    """Return the names of skae's own classes, as files have them."""
    return [*sorted(ESTIMATORS), *map(name_of, networks_of_ours())]


def check_names(parameters):
    """Raise a ValueError if a parameter names what the user has registered in Keras."""
    for name, value in parameters.items():
        if isinstance(value, Network) and not isinstance(value, CustomNetwork):
            check_names(value.get_params(deep=False))
        if name in _NAMES_IN_KERAS and isinstance(value, str):
            check_name(value)


def versions_now():
    """Return the versions of skae and of what it stands on, as far as known."""
    versions = {"skae": __version__}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
