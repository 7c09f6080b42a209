"""How the layers of a Keras configuration hang together, told before they are made."""


def check(config):
    """Raise a ValueError if making a Keras model would do more than describe it.

    Layers applied to numbers would compute at once, and layers that lead nowhere have
    weights that the model does not list.

    Parameters
    ----------
    config : dict
        Of a functional or sequential model.
    """
    layers = config.get("layers")
    if not (isinstance(layers, list) and all(isinstance(v, dict) for v in layers)):
        raise ValueError(f"{layers!r:.200} are not the layers of a Keras model.")
    if "output_layers" not in config and not any("inbound_nodes" in v for v in layers):
        return  # sequential
    inputs = {layer["name"]: _inputs(layer) for layer in layers}
    needed, found = list(_names(config["output_layers"])), set()
    while needed:
        name = needed.pop()
        if name not in found:
            found.add(name)
            needed.extend(inputs[name])
    if len(inputs) != len(layers) or found != set(inputs):
        raise ValueError("Some layers have one name, or lead to no output.")


def _inputs(layer):
    """Return the names of the layers whose outputs a layer takes."""
    names = []
    for node in layer["inbound_nodes"]:
        taken = list(_tensors([node["args"], node["kwargs"]]))
        if not taken:
            raise ValueError(f"{layer['name']!r:.50} takes no other layer's output.")
        names += taken
    return names


def _tensors(part):
    """Yield the names of the layers that give the tensors in a part of a node."""
    if isinstance(part, list):
        for item in part:
            yield from _tensors(item)
    elif isinstance(part, dict) and "class_name" in part and "config" in part:
        if part["class_name"] == "__keras_tensor__":
            yield part["config"]["keras_history"][0]
    elif isinstance(part, dict):
        yield from _tensors(list(part.values()))


def _names(outputs):
    """Yield the names of layers in what may be nested: [name, node, tensor]."""
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    if isinstance(outputs, list) and isinstance(outputs[0], str):
        yield outputs[0]
        return
    for part in parts:
        yield from _names(part)


def without_endless_loops(config):
    """Return a configuration that Keras gives up on, if it can make no model of it.

    Where layers wait for one another, or for outputs that do not exist, Keras 3.10
    asks for the same nodes for ever.
    """
    if isinstance(config, list):
        return [without_endless_loops(part) for part in config]
    if not isinstance(config, dict):
        return config
    config = {name: without_endless_loops(part) for name, part in config.items()}
    layers = config.get("layers")
    for layer in layers if isinstance(layers, list) else ():
        if "inbound_nodes" in layer:
            nodes = layer["inbound_nodes"]
            layer["inbound_nodes"] = [_Node(node, len(layers)) for node in nodes]
    return config


class _Node(dict):
    """How a layer is called; can be looked at once in each pass over the layers."""

    def __init__(self, node, n_layers):
        super().__init__(node)
        self._looks_left = n_layers + 1

    def __getitem__(self, name):
        if name == "args":
            self._looks_left -= 1
        if self._looks_left < 0:
            raise ValueError("the layers wait for one another")
        return super().__getitem__(name)
