"""Saved estimators, damaged by chance and forged on purpose.

Each fault takes a saved file's bytes, those of another, and a generator, and returns
the bytes of the damaged file. Forged files have right digests: whoever forges a file
writes those as well.
"""

import copy
import hashlib
import io
import json
import pickle
import struct
import warnings
import zipfile

import numpy as np

TEXT, ARRAYS, MANIFEST = "estimator.json", "arrays.npz", "manifest.json"


class Payload:
    """What unpickling would run, if anything unpickled it."""

    def __reduce__(self):
        return eval, ("__import__('os').system('true')",)


def members(content):
    """Return the members of a saved file by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive(parts, compression=zipfile.ZIP_STORED):
    """Write names and contents, a dict or pairs, as a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, part in parts.items() if isinstance(parts, dict) else parts:
            file.writestr(zipfile.ZipInfo(name), part, compression)
    return buffer.getvalue()


def sealed(content, text=None, arrays=None):
    """Replace text or arrays of a saved file, and make the digests right again."""
    parts = members(content)
    parts.update({TEXT: text} if text is not None else {})
    parts.update({ARRAYS: arrays} if arrays is not None else {})
    manifest = json.loads(parts[MANIFEST])
    for name in (TEXT, ARRAYS):
        manifest["sha256"][name] = hashlib.sha256(parts[name]).hexdigest()
    return archive({**parts, MANIFEST: json.dumps(manifest).encode()})


def with_manifest(content, change):
    """Let a function change the manifest, or give another."""
    parts = members(content)
    manifest = json.loads(parts[MANIFEST])
    other = change(manifest)
    manifest = manifest if other is None else other
    return archive({**parts, MANIFEST: json.dumps(manifest).encode()})


def with_text(content, change):
    """Let a function change what the text says, or give other text."""
    document = json.loads(members(content)[TEXT])
    text = change(document)
    return sealed(content, (text or json.dumps(document)).encode())


def with_npy(content, change, number=0):
    """Let a function change one of the npy files among the arrays."""
    parts = members(members(content)[ARRAYS])
    name = f"arr_{number}.npy"
    return sealed(content, arrays=archive({**parts, name: change(parts[name])}))


def described(value):
    """Return a dict as the text has it."""
    return {"type": "dict", "value": value}


def section(document, name):
    """Return the parameters or attributes in the text."""
    return document["value"][name]["value"]


def fit(document):
    """Return what the text says of the fit."""
    return section(document, "attributes")["_fitted"]["value"]["value"]


def pick(generator, choices):
    return choices[generator.randint(len(choices))]


# By chance: nothing but the digests tells these.


def flipped_bytes(content, other, generator):
    values = bytearray(content)
    for _ in range(generator.randint(1, 9)):
        values[generator.randint(len(values))] ^= 1 << generator.randint(8)
    return bytes(values)


def cut(content, other, generator):
    return content[: generator.randint(len(content))]


def cut_out(content, other, generator):
    start, end = sorted(generator.randint(len(content), size=2))
    return content[:start] + content[end + 1 :]


def overwritten(content, other, generator):
    start = generator.randint(len(content))
    noise = generator.bytes(min(generator.randint(1, 513), len(content) - start))
    return content[:start] + noise + content[start + len(noise) :]


def swapped_blocks(content, other, generator):
    a, b, c = sorted(generator.randint(len(content), size=3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def mixed_with_another_file(content, other, generator):
    # Not near the beginning, which is the same in both.
    at = generator.randint(len(content) // 4, len(content))
    return content[:at] + other[at:]


def added_bytes(content, other, generator):
    at = pick(generator, [0, len(content), generator.randint(len(content))])
    return content[:at] + generator.bytes(generator.randint(1, 100)) + content[at:]


# Archives that are none of ours.


def swapped_members(content, other, generator):
    parts = members(content)
    one, two = generator.permutation(list(parts))[:2]
    return archive({**parts, one: parts[two], two: parts[one]})


def members_of_another_file(content, other, generator):
    name = pick(generator, [MANIFEST, TEXT, ARRAYS])
    return archive({**members(content), name: members(other)[name]})


def duplicated_members(content, other, generator):
    parts = list(members(content).items())
    again = parts[generator.randint(3)][0]
    twice = pick(generator, [members(content)[again], members(other)[again], b"{}"])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
        return archive([*parts, (again, twice)])


def missing_members(content, other, generator):
    parts = members(content)
    for name in generator.permutation(list(parts))[: generator.randint(1, 4)]:
        del parts[name]
    return archive(parts)


def compressed_members(content, other, generator):
    methods = [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    parts = members(content)
    if generator.rand() < 0.5:
        return archive(parts, pick(generator, methods))
    bomb = {**members(parts[ARRAYS]), "arr_0.npy": bytes(2**22)}
    return sealed(content, arrays=archive(bomb, pick(generator, methods)))


def overlapping_members(content, other, generator):
    """Let every array be the rest of the file: as many times as large unpacked."""
    names = sorted(members(members(content)[ARRAYS]))
    rest, entries = b"", []
    for name in reversed(names):
        rest = rest or generator.bytes(2**12)
        head = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 0, 0)
        head = head[:14] + struct.pack("<3LH", 0, len(rest), len(rest), len(name))
        rest = head + b"\0\0" + name.encode() + rest
        entries.append((name, len(rest) - len(head) - 2 - len(name), len(rest)))
    directory = b""
    for name, size, length in entries:
        fields = 20, 20, 0, 0, 0, 33, 0, size, size, len(name), 0, 0, 0, 0, 0
        at = len(rest) - length
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields, at) + name.encode()
    counts = 0, 0, len(names), len(names), len(directory), len(rest), 0
    end = struct.pack("<4s4H2LH", b"PK\5\6", *counts)
    return sealed(content, arrays=rest + directory + end)


def bad_names(content, other, generator):
    parts = members(content)
    name = pick(generator, list(parts))
    as_well = [f"/{name}", f"../{name}", f"a/../{name}", f"{name}/", name.upper()]
    new = pick(generator, [*as_well, "..", "/etc/passwd", "C:\\x", f"{name} "])
    instead = generator.rand() < 0.5
    content = archive(
        {(new if n == name and instead else n): p for n, p in parts.items()}
    )
    if not instead:
        return archive({**parts, new: b"x"})
    return content


def names_with_nul(content, other, generator):
    name = pick(generator, [MANIFEST, TEXT, ARRAYS])
    at = generator.randint(1, len(name))
    renamed = archive(
        {(n + "xx" if n == name else n): p for n, p in members(content).items()}
    )
    long = (name + "xx").encode()
    return renamed.replace(
        long, (name + "\0x").encode() if at % 2 else b"\0" + long[1:]
    )


def changed_headers(content, other, generator):
    """Change fields of the central directory: flags, methods, sizes, offsets."""
    values = bytearray(content)
    starts = [i for i in range(len(values)) if values[i : i + 4] == b"PK\1\2"]
    start = pick(generator, starts)
    field, code = pick(
        generator,
        [
            (6, "H"),
            (8, "H"),
            (10, "H"),
            (16, "L"),
            (20, "L"),
            (24, "L"),
            (30, "H"),
            (34, "H"),
            (42, "L"),
        ],
    )
    number = pick(generator, [0, 1, 8, 12, 14, 99, 0xFFFF, 0xFFFFFFFF])
    number &= 0xFFFF if code == "H" else 0xFFFFFFFF
    struct.pack_into(f"<{code}", values, start + field, number)
    return bytes(values)


def links(content, other, generator):
    parts = members(content)
    buffer = io.BytesIO()
    linked = pick(generator, [MANIFEST, TEXT, ARRAYS])
    with zipfile.ZipFile(buffer, "w") as file:
        for name, part in parts.items():
            info = zipfile.ZipInfo(name)
            if name == linked:
                info.external_attr = 0o120777 << 16
                part = pick(generator, [b"/etc/passwd", b"../x", part])
            file.writestr(info, part)
    return buffer.getvalue()


def other_files(content, other, generator):
    npz = io.BytesIO()
    np.savez(npz, a=np.array([Payload()], object), b=np.ones(3))
    return pick(
        generator,
        [
            b"",
            b"PK",
            b"{}",
            pickle.dumps(Payload()),
            npz.getvalue(),
            members(content)[ARRAYS],
            members(content)[TEXT],
            archive({}),
            b"PK\5\6" + bytes(18),
            generator.bytes(2000),
        ],
    )


def forged_manifests(content, other, generator):
    def change(manifest):
        changes = [
            lambda: manifest.pop(pick(generator, ["format", "sha256", "versions"])),
            lambda: manifest.update(
                format=pick(generator, [0, 2, 10**30, "1", None, True, 1.0, [1], {}])
            ),
            lambda: manifest.update(
                sha256=pick(generator, [{}, [], None, 1, {TEXT: 1}])
            ),
            lambda: manifest["sha256"].update({"/etc/passwd": "0"}),
            lambda: manifest["sha256"].pop(TEXT),
            lambda: manifest["sha256"].update({TEXT: None}),
            lambda: manifest.update(versions=pick(generator, [None, [], 1, "x"])),
            list,
        ]
        made = pick(generator, changes)()
        return pick(generator, [[], {}, 1, "x"]) if made == [] else None

    if generator.rand() < 0.2:
        deep = b"[" * 100_000
        return archive({**members(content), MANIFEST: deep})
    return with_manifest(content, change)


# Forged, with right digests: text.


def deep_nesting(content, other, generator):
    depth = int(generator.choice([500, 1000, 5000, 100_000]))
    start, end = pick(generator, [("[", "]"), ('{"type": "tuple", "value": ', "}")])
    deep = f"{start * depth}1{end * depth}"
    return with_text(
        content, lambda document: json.dumps(document).replace("null", deep, 1)
    )


def huge_numbers(content, other, generator):
    number = pick(generator, [10**18, 10**30, 10**4000, -(10**20)])
    text = pick(generator, [str(number), "9" * 10_000, "1e999", "-Infinity", "NaN"])
    where = pick(generator, ["dim", "scale", "shape", "part"])

    def change(document):
        parts = fit(document)
        if where == "dim":
            parts["architecture"][2] = "HERE"
        elif where == "shape":
            parts["architecture"][1]["value"] = ["HERE"]
        elif where == "part":
            parts["weights"][0]["value"] = "HERE"
        else:
            parts["scale"] = ["HERE"]
        return json.dumps(document).replace('"HERE"', text)

    return with_text(content, change)


def unknown_types(content, other, generator):
    value = pick(
        generator,
        [
            {"type": "object", "value": 0},
            {"type": "array", "value": 10**6},
            {"type": "array", "value": -1},
            {"type": "array", "value": True},
            {"type": "eval", "value": "1"},
            {"type": "__import__", "value": "os"},
            {"type": ["tuple"], "value": []},
            {"type": "tuple", "value": 1},
            {"type": "strings", "value": [1, 2]},
            {"type": "strings", "value": {"type": "array", "value": 0}},
            {"type": "tuple"},
            {"value": []},
            {"type": "tuple", "value": [], "more": 1},
            {},
            {"__reduce__": ["os.system", "true"]},
            {"py/object": "os.system"},
        ],
    )
    name = pick(generator, ["parameters", "attributes"])
    key = pick(generator, ["verbose", "n_iter_"])
    return with_text(
        content, lambda document: section(document, name).update({key: value})
    )


def random_states_beyond_their_end(content, other, generator):
    """Ask for the numbers behind the 624 that a generator has."""
    position = pick(
        generator, [625, 10**6, 10**9, 10**18, -1, -(10**9), "1", None, 1.5]
    )

    def change(document):
        parts = section(document, "parameters")["random_state"]["value"]
        parts[2] = position
        if generator.rand() < 0.3:
            parts[1] = fit(document)["mean"]

    return with_text(content, change)


def other_classes(content, other, generator):
    name = pick(
        generator,
        [
            "BaseAutoencoder",
            "load",
            "compare",
            "os.system",
            "object",
            "",
            None,
            1,
            [],
            "builtins.eval",
            "skae.compare",
            "__class__",
            "Pipeline",
        ],
    )
    return with_text(
        content, lambda document: document["value"].update({"class": name})
    )


def unknown_parameters(content, other, generator):
    name = pick(generator, ["self", "hook", "__class__", "X", "", "cls", "epochs_"])
    return with_text(
        content, lambda document: section(document, "parameters").update({name: 1})
    )


def shadowing_attributes(content, other, generator):
    name = pick(
        generator,
        [
            "__class__",
            "__dict__",
            "__reduce__",
            "__getstate__",
            "__doc__",
            "transform",
            "fit",
            "save",
            "encoder_",
            "decoder_",
            "get_params",
            "_parameter_constraints",
            "_validate_params",
            "epochs",
            "network",
            "_fit",
            "__x__",
            "_repr_html_",
            "set_fit_request",
            "__sklearn_is_fitted__",
        ],
    )
    value = pick(generator, [1, "x", described({}), [], {"type": "array", "value": 0}])
    return with_text(
        content, lambda document: section(document, "attributes").update({name: value})
    )


def other_fits(content, other, generator):
    value = pick(
        generator,
        [
            None,
            1,
            "x",
            [],
            described({}),
            {"type": "array", "value": 0},
            {"type": "network", "value": ["DenseNetwork", described({})]},
            {"type": "fit", "value": described({})},
        ],
    )
    return with_text(
        content, lambda document: section(document, "attributes").update(_fitted=value)
    )


def absurd_sizes(content, other, generator):
    """Ask for networks that no memory holds, and that the weights do not have."""
    size = int(pick(generator, [10**6, 10**9, 10**12]))

    def change(document):
        parts, attributes = fit(document), section(document, "attributes")
        network = parts["architecture"][0]["value"]
        where = generator.randint(4)
        if where == 0:
            network[1]["value"]["hidden_layer_sizes"] = [size]
        elif where == 1:
            network[:] = ["ConvNetwork", described({"filters": [size]})]
        elif where == 2:
            network[:] = ["RecurrentNetwork", described({"units": size})]
        else:
            parts["architecture"][2] = size
            attributes.update(encoding_dim_=size, _n_features_out=size)

    return with_text(content, change)


def wrong_sizes(content, other, generator):
    names = ["sample_shape_", "n_features_in_", "encoding_dim_", "_n_features_out"]
    name, size = pick(generator, names), pick(generator, [0, -1, 10**12, None, "8", []])
    return with_text(
        content, lambda document: section(document, "attributes").update({name: size})
    )


def wrong_weights(content, other, generator):
    def change(document):
        weights = fit(document)["weights"]
        last = weights[-1]["value"]
        changes = [
            lambda: weights.pop(),
            lambda: weights.append(weights[0]),
            lambda: weights.insert(0, weights.pop()),
            lambda: weights.clear(),
            lambda: weights.append(1.0),
            lambda: weights.__setitem__(0, described({})),
            lambda: weights[0].update(value=last),
        ]
        pick(generator, changes)()

    return with_text(content, change)


def replaced_values(content, other, generator):
    """Put something else in place of any value in the text."""

    def change(document):
        for _ in range(generator.randint(1, 3)):
            places = list(_places(document["value"]))
            (holder, key), (other_holder, other_key) = (
                pick(generator, places) for _ in range(2)
            )
            values = [None, True, -1, 0, 1, 10**9, 0.5, "", "relu", [], [1], {}]
            values += [described({}), {"type": "array", "value": 0}]
            values += [copy.deepcopy(other_holder[other_key])] * 5
            holder[key] = pick(generator, values)

    return with_text(content, change)


def _places(value):
    """Yield containers with each of their keys, those inside them included."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def other_metadata(content, other, generator):
    requests = pick(
        generator,
        [
            {"params": described({})},
            {"transform": described({"x": True})},
            {"fit": described({"x": True})},
            {"fit": described({"sample_weight": 3})},
            {"fit": [1]},
            {"__init__": described({})},
            {"output": described({"x": 1})},
        ],
    )
    return with_text(
        content,
        lambda document: document["value"].update(
            metadata_requests=described(requests)
        ),
    )


# Forged, with right digests: arrays.


def header(shape, descr="<f4", order="False"):
    text = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()


def lying_headers(content, other, generator):
    def change(npy):
        size = int.from_bytes(npy[8:10], "little") + 10
        heads = [
            header("(1000000000000,)"),
            header("(1, -1)"),
            header(f"({'9' * 5000},)"),
            header("(0, 99999999999999999999)"),
            header("()"),
            header(f"({'1, ' * 100})"),
            header("(3, 3)", order="True"),
            header("__import__('os').system('true')"),
            header("(" * 3000 + ")" * 3000),
            header("(3,)", "<V100"),
            header("(3,)", "<U99999999"),
            header("(3,)", [("a", "<f4")]),
            header("(3,)", "<M8[s]"),
            b"\x93NUMPY\3\0" + npy[8:size],
            b"\x93NUMPY\1\0\xff\xff" + npy[10:size],
            b"",
        ]
        return pick(generator, heads) + npy[size:]

    return with_npy(content, change)


def pickled_arrays(content, other, generator):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Payload()], object), allow_pickle=True)
    made = pick(
        generator,
        [
            buffer.getvalue(),
            pickle.dumps(Payload()),
            header("(1,)", "|O") + pickle.dumps(Payload()),
        ],
    )
    return with_npy(content, lambda npy: made)


def other_members_among_arrays(content, other, generator):
    parts = members(members(content)[ARRAYS])
    first = next(iter(parts))
    changed = [
        {**parts, "x.py": b"import os"},
        {**parts, "../../x.npy": parts[first]},
        {("arr_0" if n == first else n): p for n, p in parts.items()},
        {n: p for n, p in parts.items() if n != first},
        {},
        [*parts.items(), (first, parts[first])],
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
        return sealed(content, arrays=archive(pick(generator, changed)))


# Forged, with right digests: Keras configurations.

LAMBDA = {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}}
CONFIG = {"name": "evil", "trainable": True}


def keras_object(module, name, config=CONFIG, registered=None):
    return {
        "module": module,
        "class_name": name,
        "config": copy.deepcopy(config),
        "registered_name": registered,
    }


EVIL = [
    keras_object("keras.layers", "Lambda", {**CONFIG, "function": LAMBDA}),
    keras_object("keras.layers", "TorchModuleWrapper", {**CONFIG, "module": "x"}),
    keras_object("keras.layers", "TFSMLayer", {**CONFIG, "filepath": "/tmp/x"}),
    keras_object("keras.layers", "StringLookup", {"vocabulary": "/etc/passwd"}),
    keras_object("keras.layers", "IntegerLookup", {"vocabulary": "/etc/passwd"}),
    keras_object("keras.layers", "TextVectorization", {"vocabulary": "/etc/passwd"}),
    keras_object("keras.layers", "JaxLayer", {"call_fn": "x"}),
    keras_object("keras.layers", "Layer"),
    keras_object("keras", "Model"),
    keras_object("keras.models", "model_from_json"),
    keras_object("keras.utils", "get_file", {"fname": "x", "origin": "http://x"}),
    keras_object("keras.src.saving.saving_lib", "load_model", {"filepath": "/tmp/x"}),
    keras_object("keras.src.ops.core", "Map", {}),
    keras_object("keras.src.ops.numpy", "np", {}),
    keras_object("keras.src.ops.numpy", "reshape", {}),
    keras_object("keras.src.utils.file_utils", "makedirs", {"path": "/tmp/x"}),
    keras_object("builtins", "eval", {}),
    keras_object("builtins", "function", "eval"),
    keras_object("keras.utils", "function", "get_file"),
    keras_object("os", "function", "system"),
    keras_object("keras.activations", "function", "deserialize"),
    keras_object("os", "system", {}),
    keras_object("subprocess", "Popen", {"args": ["true"]}),
    keras_object("__main__", "Evil", {}),
    keras_object("antigravity", "Evil", {}),
    keras_object("keras.layers", "Dense", {"units": 1}, "Custom>Evil"),
    keras_object(None, "Lambda", {**CONFIG, "function": LAMBDA}),
    keras_object(None, "Custom>Evil", CONFIG, "Custom>Evil"),
    {"class_name": "Lambda", "config": {**CONFIG, "function": LAMBDA}},
    {"class_name": "TypeSpec", "type_spec": "tf.TensorSpec", "serialized": []},
    {"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": []},
    {"module": "keras.layers", "registered_name": "x", "config": {}},
    {"class_name": ["Dense"], "module": "keras.layers", "config": {}},
    {"class_name": "__numpy__", "config": {"value": ["a"] * 9, "dtype": "S999999999"}},
    LAMBDA,
]


def evil_optimizers(content, other, generator):
    """Ask for what runs code, reads files or is the user's, around an optimizer."""
    evil = copy.deepcopy(pick(generator, EVIL))

    def change(document):
        optimizer = section(document, "parameters")["optimizer"]
        config = json.loads(optimizer["value"])
        if generator.rand() < 0.5:
            config["config"]["learning_rate"] = evil
        else:
            config = evil
        optimizer["value"] = json.dumps(config)

    return with_text(content, change)


def evil_activations(content, other, generator):
    """Give skae's own networks what Keras would look up or make."""
    names = ["registered_by_the_user", "Custom>registered_by_the_user"]
    evil = pick(generator, [described(pick(generator, EVIL)), *names, 1.5, [["relu"]]])
    name = pick(generator, ["activation", "code_activation"])

    def change(document):
        fit(document)["architecture"][0]["value"][1]["value"][name] = evil

    return with_text(content, change)


def with_model(content, change):
    """Let a function change the configuration of the encoder in the text."""

    def change_text(document):
        network = fit(document)["architecture"][0]["value"]
        model = network[1]["value"]["encoder"]["value"]["value"]
        config = json.loads(model["config"])
        config = change(config) or config
        model["config"] = json.dumps(config)

    return with_text(content, change_text)


def evil_layers(content, other, generator):
    """Ask for what runs code, reads files or is the user's, in or for a model."""
    evil = copy.deepcopy(pick(generator, EVIL))

    def change(config):
        layers = config["config"]["layers"]
        dense = next(v for v in layers if v["class_name"] == "Dense")
        where = generator.randint(6)
        if where == 0:
            return evil
        if where == 1:
            dense.update(evil)
        elif where == 2:
            dense["config"]["activation"] = evil
        elif where == 3:
            dense["config"]["kernel_initializer"] = evil
        elif where == 4:
            dense["compile_config"] = {"optimizer": "adam", "loss": evil}
        else:
            layers.append(evil)
        return None

    return with_model(content, change)


def evil_graphs(content, other, generator):
    """Make layers wait for one another, compute at once, or lead nowhere."""

    def change(config):
        layers = config["config"]["layers"]
        last = layers[-1]
        (node,) = last["inbound_nodes"]
        history = node["args"][0]["config"]["keras_history"]
        where = generator.randint(6)
        if where == 0:
            history[0] = last["name"]
        elif where == 1:
            history[1:] = [int(generator.randint(1, 9)), int(generator.randint(9))]
        elif where == 2:
            value = {"value": [[1.0] * 4], "dtype": "float32"}
            node["args"][0] = {"class_name": "__tensor__", "config": value}
        elif where == 3:
            huge = copy.deepcopy(next(v for v in layers if v["class_name"] == "Dense"))
            huge["name"] = huge["config"]["name"] = "huge"
            huge["config"]["units"] = 10**10
            layers.append(huge)
        elif where == 4:
            last["inbound_nodes"] = [[["x", 0, 0]]]
        else:
            config["config"]["output_layers"] = [["x", 0, 0]]

    return with_model(content, change)


def absurd_models(content, other, generator):
    """Ask for layers of a size that the weights do not have."""

    def change(config):
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "Dense":
                layer["config"]["units"] = int(pick(generator, [10**9, 10**12, 10**30]))
                return

    return with_model(content, change)


DAMAGES = {
    "flipped bits": flipped_bytes,
    "cut off": cut,
    "a part cut out": cut_out,
    "bytes overwritten": overwritten,
    "blocks swapped": swapped_blocks,
    "begins as one file, ends as another": mixed_with_another_file,
    "bytes added": added_bytes,
    "fields of the zip directory changed": changed_headers,
}
"""What happens to files by chance."""

FORGERIES = {
    "members swapped": swapped_members,
    "member of another file": members_of_another_file,
    "member twice": duplicated_members,
    "member missing": missing_members,
    "compressed members, zip bombs": compressed_members,
    "overlapping members, zip bombs": overlapping_members,
    "absolute, `..` and other names": bad_names,
    "NUL in names": names_with_nul,
    "members as links": links,
    "other files, pickles among them": other_files,
    "forged manifest": forged_manifests,
    "forged: nesting": deep_nesting,
    "forged: huge numbers": huge_numbers,
    "forged: unknown types and parts": unknown_types,
    "forged: random state beyond its end": random_states_beyond_their_end,
    "forged: other classes": other_classes,
    "forged: unknown parameters": unknown_parameters,
    "forged: attributes that shadow": shadowing_attributes,
    "forged: something else than a fit": other_fits,
    "forged: networks of absurd sizes": absurd_sizes,
    "forged: sizes that differ": wrong_sizes,
    "forged: weights of another network": wrong_weights,
    "forged: metadata requests": other_metadata,
    "forged: any values replaced": replaced_values,
    "forged: headers of arrays": lying_headers,
    "forged: pickles among arrays": pickled_arrays,
    "forged: other members among arrays": other_members_among_arrays,
    "forged: optimizers with code": evil_optimizers,
    "forged: activations with code": evil_activations,
}
"""What people do to files."""

FORGERIES_OF_MODELS = {
    "forged: Keras layers with code": evil_layers,
    "forged: Keras layers in a tangle": evil_graphs,
    "forged: Keras layers of absurd sizes": absurd_models,
}
"""What people do to files that hold Keras models."""
