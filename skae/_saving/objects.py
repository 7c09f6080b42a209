"""Objects from the nodes of a file of `skops.io`, without skops.

`skops.io` imports all of scikit-learn, which takes over a second, and a service that
loads one file needs none of it. A file of skae's holds eight kinds of nodes.
"""

import importlib
import json

import numpy as np

from skae._saving.kinds import is_known, load_skops, trusted

# The versions of skops' format in which these nodes are as they are here.
_PROTOCOLS = {2}


def read_objects(file, archive, schema):
    """Return the object that a file holds, which `check_archive` has checked.

    Parameters
    ----------
    file : binary file
        For skops, if it has written another version of its format.

    archive : zipfile.ZipFile
        Of the file.

    schema : dict
        The nodes.
    """
    if schema.get("protocol") not in _PROTOCOLS:
        return load_skops().load(file, trusted=trusted())
    return _Maker(archive).made(schema)


class _Maker:
    """Makes objects, those of one number once.

    Parameters
    ----------
    archive : zipfile.ZipFile
        Holds the arrays.
    """

    def __init__(self, archive):
        self._archive = archive
        self._made = {}
        self._loaders = {
            "DictNode": self._dict,
            "JsonNode": lambda node: json.loads(node["content"]),
            "ListNode": lambda node: [self.made(part) for part in node["content"]],
            "NdArrayNode": self._array,
            "ObjectNode": self._object,
            "RandomStateNode": self._random_state,
            "TupleNode": lambda node: tuple(map(self.made, node["content"])),
            "TypeNode": lambda node: str,
        }

    def made(self, node):
        """Return the object of a node."""
        number = node.get("__id__")
        if number is not None and number in self._made:
            return self._made[number]
        if not is_known(node):
            raise ValueError(f"{node['__class__']!r:.50} is no class that a file holds")
        made = self._loaders[node["__loader__"]](node)
        if number is not None:
            self._made[number] = made
        return made

    def _dict(self, node):
        kinds = self.made(node["key_types"])
        items = zip(kinds, node["content"].items(), strict=True)
        return {kind(key): self.made(part) for kind, (key, part) in items}

    def _array(self, node):
        if node["type"] == "json":  # of objects, as feature_names_in_ is
            found = np.empty(len(node["content"]), object)
            found[:] = [self.made(part) for part in node["content"]]
            return found.reshape(self.made(node["shape"]))
        with self._archive.open(node["file"]) as file:
            found = np.load(file, allow_pickle=False)
        name = node["__class__"]
        return found if name == "ndarray" else getattr(np, name)(found)

    def _random_state(self, node):
        generator = np.random.RandomState()
        generator.set_state(self.made(node["content"]))
        return generator

    def _object(self, node):
        cls = getattr(importlib.import_module(node["__module__"]), node["__class__"])
        made = cls.__new__(cls)
        if node["content"] is not None:
            made.__setstate__(self.made(node["content"]))
        return made
