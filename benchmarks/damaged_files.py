"""Saved estimators, damaged by chance and forged on purpose.

Each fault takes a saved file's bytes, those of another, and a generator, and returns
the bytes of the damaged file. Forged files have right checksums: whoever forges a file
writes those as well.
"""

import copy
import io
import json
import pickle
import struct
import warnings
import zipfile

import numpy as np
import skops.io

import skae.networks

SCHEMA, ABOUT = "schema.json", "skae.json"


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


def with_about(content, change):
    """Let a function change what a file says of itself, or give something else."""
    parts = members(content)
    about = json.loads(parts[ABOUT])
    made = change(about)
    return archive({**parts, ABOUT: json.dumps(made or about).encode()})


def with_schema(content, change):
    """Let a function change the schema, which has no numbers of objects any more."""
    parts = members(content)
    schema = without_numbers(json.loads(parts[SCHEMA]))
    text = change(schema) or json.dumps(schema)
    return archive({**parts, SCHEMA: text.encode()})


def without_numbers(part):
    """Return a part of a schema in which nothing is told to be the same."""
    if isinstance(part, dict):
        return {k: without_numbers(v) for k, v in part.items() if k != "__id__"}
    return [without_numbers(v) for v in part] if isinstance(part, list) else part


def node(value):
    """Return a plain value as skops writes it."""
    return without_numbers(json.loads(members(skops.io.dumps(value))[SCHEMA]))


def typed(module, name, loader="ObjectNode", **others):
    """Return a node of any class."""
    return {"__module__": module, "__class__": name, "__loader__": loader, **others}


def put(schema, *path_and_value):
    """Put a value, or a node, into a dict or list within the estimator's state."""
    *path, last, value = path_and_value
    within = inside(schema, *path)
    is_node = isinstance(value, dict) and "__loader__" in value
    value = value if is_node else node(value)
    if isinstance(within["content"], dict) and last not in within["content"]:
        within["key_types"]["content"].append(typed("builtins", "str", "TypeNode"))
    within["content"][last] = value


def inside(schema, *path):
    """Return the dict or list at a place in the estimator's state."""
    within = schema["content"]
    for name in path:
        within = within["content"][name]
        if within["__loader__"] == "ObjectNode":
            within = within["content"]
    return within


def array_names(schema):
    """Return the names of the arrays of the fit's weights."""
    return [v["file"] for v in inside(schema, "_fitted", "weights")["content"]]


def pick(generator, choices):
    return choices[generator.randint(len(choices))]


# By chance: checksums tell these.


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
    return archive({**members(content), SCHEMA: members(other)[SCHEMA]})


def duplicated_members(content, other, generator):
    parts = list(members(content).items())
    name, part = pick(generator, parts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
        return archive([*parts, (name, pick(generator, [part, b"{}"]))])


def missing_members(content, other, generator):
    parts = members(content)
    for name in generator.permutation(list(parts))[: generator.randint(1, 4)]:
        del parts[name]
    return archive(parts)


def compressed_members(content, other, generator):
    methods = [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    parts = members(content)
    bomb = pick(generator, [{}, {pick(generator, list(parts)): bytes(2**22)}])
    return archive({**parts, **bomb}, pick(generator, methods))


def overlapping_members(content, other, generator):
    """Let every array be the rest of the file: as many times as large unpacked."""
    names = sorted(name for name in members(content) if name.endswith(".npy"))
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
    return rest + directory + end


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


def other_files(content, other, generator):
    npz = io.BytesIO()
    np.savez(npz, a=np.array([Payload()], object), b=np.ones(3))
    made = [b"", b"PK", b"{}", pickle.dumps(Payload()), npz.getvalue(), archive({})]
    made += [members(content)[SCHEMA], b"PK\5\6" + bytes(18), generator.bytes(2000)]
    made += [archive({SCHEMA: b"[" * 100_000}), skops.io.dumps({"a": 1})]
    return pick(generator, made)


def forged_abouts(content, other, generator):
    number = pick(generator, [0, 2, 10**30, "1", None, True, 1.0, [1], {}])
    requests = pick(
        generator,
        [
            {"transform": {"x": True}},
            {"fit": {"x": True}},
            {"fit": {"sample_weight": 3}},
            {"fit": [1]},
            {"__init__": {}},
            {"output": {"x": 1}},
            [1],
        ],
    )
    changes = [
        lambda about: about.update(format=number),
        lambda about: about.update(versions=pick(generator, [None, [], 1, "x"])),
        lambda about: about.pop(pick(generator, ["format", "versions"])),
        lambda about: about.update(metadata_requests=requests),
        lambda about: pick(generator, [[1], 1, "x"]),
    ]
    return with_about(content, pick(generator, changes))


# Forged, with right checksums: what skops reads.


def deep_nesting(content, other, generator):
    depth = int(generator.choice([500, 1000, 5000, 100_000]))
    around = json.dumps(typed("builtins", "list", "ListNode", content=[0]))
    before, after = around.split("0")
    nested = f"{before * depth}{json.dumps(node(1))}{after * depth}"
    value = json.dumps(typed("builtins", "str", "JsonNode", content="[" * depth))
    text = pick(generator, [nested, value])

    def change(schema):
        put(schema, "verbose", "HERE")
        return json.dumps(schema).replace(json.dumps(node("HERE")), text)

    return with_schema(content, change)


def laughter(content, other, generator):
    """Let each list hold the next one twice, by its number."""

    def change(schema):
        value = {**node([]), "__id__": 0}
        for number in range(1, 60):
            again = {**pick(generator, [{}, node([])]), "__id__": number - 1}
            value = {**node([]), "content": [value, again], "__id__": number}
        put(schema, "verbose", value)

    return with_schema(content, change)


def one_array_many_times(content, other, generator):
    def change(schema):
        array = inside(schema, "_fitted", "weights")["content"][0]
        numbers = pick(generator, [[{}] * 9, [{"__id__": i} for i in range(9)]])
        many = [{**array, **number} for number in numbers]
        put(schema, "verbose", {**node([]), "content": many})

    return with_schema(content, change)


def huge_numbers(content, other, generator):
    number = pick(generator, [10**18, 10**30, -(10**20), float("inf"), float("nan")])
    text = pick(generator, [json.dumps(number), "9" * 10_000, "1e999"])
    value = typed("builtins", "str", "JsonNode", content=text, is_json=True)
    path = pick(generator, [("encoding_dim",), ("scale",), ("sample_shape", 0)])
    return with_schema(content, lambda schema: put(schema, "_fitted", *path, value))


def other_classes(content, other, generator):
    """Ask for what runs code, by all of skops' loaders."""
    text, pair = node("true"), node(("true",))
    evil = pick(
        generator,
        [
            typed("os", "system", "FunctionNode"),
            typed("builtins", "eval", "TypeNode"),
            typed("builtins", "map", "TypeNode"),
            typed("os", "system", "ConstructorFromReduceNode", content=pair),
            typed("subprocess", "Popen", "ConstructorFromReduceNode", content=pair),
            typed("skae", "load", "ConstructorFromReduceNode", content=pair),
            typed("operator", "methodcaller", "OperatorFuncNode", attrs=pair),
            typed("builtins", "eval", "ListNode", content=[text]),
            typed("skae", "AutoencoderTransformer", "ListNode", content=[text]),
            typed("os", "system", "TupleNode", content=[text]),
            typed("builtins", "str", "MethodNode", content={"obj": text, "func": "x"}),
            typed("builtins", "bytes", "BytesNode", file=SCHEMA),
            typed("subprocess", "Popen"),
            typed("sklearn.tree._tree", "Tree", "TreeNode"),
            typed("sklearn.pipeline", "Pipeline", content=node({"steps": []})),
            typed("skae._estimators.base", "BaseAutoencoder", content=node({})),
            typed("skae._keras.models", "UsersObject", content=node({})),
            typed("skae.networks", "Network", content=node({})),
            typed("skae", "compare", content=node({})),
            typed("skae", "AutoencoderTransformer", content=node(1)),
            typed("numpy", "void", "NdArrayNode", type="numpy", file=None),
            typed("numpy", "ndarray", "NdArrayNode", type="x"),
            typed("x", "y", "NoSuchNode"),
            {"__reduce__": ["os.system", "true"]},
            {},
        ],
    )

    def change(schema):
        if evil.get("__class__") == "void":
            evil["file"] = array_names(schema)[0]
        places = [("verbose",), ("_fitted",), ("_fitted", "network"), ("network",)]
        where = generator.randint(len(places) + 1)
        if where == len(places):
            schema.update(evil)
        else:
            *path, last = places[where]
            inside(schema, *path)["content"][last] = evil

    return with_schema(content, change)


def random_states_beyond_their_end(content, other, generator):
    """Ask for the numbers behind the 624 that a generator has."""
    position = pick(generator, [625, 10**6, 10**9, 10**18, -1, "1", None, 1.5])

    def change(schema):
        state = schema["content"]["content"]["random_state"]["content"]["content"]
        state["state"]["content"]["pos"] = node(position)

    return with_schema(content, change)


def unknown_names(content, other, generator):
    """Give attributes that the estimator has itself, or parameters to a network."""
    own = ["__class__", "__dict__", "__reduce__", "__doc__", "__x__", "_fit", "fit"]
    own += ["transform", "save", "encoder_", "get_params", "_parameter_constraints"]
    value = pick(generator, [1, "x", {}, []])
    path = pick(generator, [(), ("_fitted", "network")])
    return with_schema(
        content, lambda schema: put(schema, *path, pick(generator, own), value)
    )


def other_fits(content, other, generator):
    value = pick(generator, [1, "x", [], {}, (), {"weights": []}, 0.5, True])
    path = pick(
        generator,
        [(), ("_fitted",), ("_fitted", "objective"), ("_fitted", "objective")],
    )
    names = {
        (): ["_fitted"],
        ("_fitted",): ["network", "objective", "weights", "mean", "sample_shape"],
        ("_fitted", "objective"): ["name", "corruption", "loss"],
    }
    name = pick(generator, names[path])
    return with_schema(content, lambda schema: put(schema, *path, name, value))


def absurd_sizes(content, other, generator):
    """Ask for networks that no memory holds, and that the weights do not have."""
    size = int(pick(generator, [10**6, 10**9, 10**12]))
    networks = [("Conv", {"filters": [size]}), ("Recurrent", {"units": size})]
    networks.append(("Dense", {"hidden_layer_sizes": [size]}))
    name, parameters = pick(generator, networks)

    def change(schema):
        if generator.rand() < 0.3:
            put(schema, "_fitted", "encoding_dim", size)
            put(schema, "encoding_dim_", size)
            put(schema, "_n_features_out", size)
            return
        defaults = vars(getattr(skae.networks, f"{name}Network")())
        state = node({**defaults, **parameters})
        network = typed("skae.networks", f"{name}Network", content=state)
        put(schema, "_fitted", "network", network)

    return with_schema(content, change)


def wrong_sizes(content, other, generator):
    names = ["sample_shape_", "n_features_in_", "encoding_dim_", "_n_features_out"]
    name, size = pick(generator, names), pick(generator, [0, -1, 10**12, None, "8", []])
    return with_schema(content, lambda schema: put(schema, name, size))


def wrong_weights(content, other, generator):
    def change(schema):
        weights = inside(schema, "_fitted", "weights")["content"]
        changes = [
            lambda: weights.pop(),
            lambda: weights.insert(0, weights.pop()),
            lambda: weights.clear(),
            lambda: weights.append(node(1.0)),
            lambda: weights.__setitem__(0, node({})),
            lambda: weights[0].update(file=weights.pop()["file"]),
        ]
        pick(generator, changes)()

    return with_schema(content, change)


def replaced_values(content, other, generator):
    """Put something else in place of any value of the schema."""

    def change(schema):
        for _ in range(generator.randint(1, 3)):
            places = list(_places(schema))
            (holder, key), (other_holder, other_key) = (
                pick(generator, places) for _ in range(2)
            )
            values = [None, True, -1, 0, 10**9, 0.5, "", "relu", [], [1], {}]
            values += [node(v) for v in (None, 1, "relu", [], {}, ())]
            values += [copy.deepcopy(other_holder[other_key])] * 5
            holder[key] = pick(generator, values)

    return with_schema(content, change)


def other_graphs(content, other, generator):
    """Ask NumPy for other operations than those of the network."""

    def change(schema):
        text = json.loads(inside(schema, "_fitted", "graphs")["content"])
        graphs = json.loads(text)
        for _ in range(generator.randint(1, 3)):
            holder, key = pick(generator, list(_places(graphs)))
            values = [None, True, -1, 0, 7, 10**9, 0.5, "", "relu", "concatenate", []]
            values += [[0, 0], {}, {"shape": [2, 2]}, [["relu", [0], [], {}]] * 99]
            holder[key] = pick(generator, values)
        put(schema, "_fitted", "graphs", json.dumps(graphs))

    return with_schema(content, change)


def _places(value):
    """Yield containers with each of their keys, those inside them included."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


# Forged, with right checksums: arrays.


def header(shape, descr="<f4", order="False"):
    text = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()


def with_npy(content, change):
    """Let a function change the first array of the weights."""
    parts = members(content)
    name = array_names(json.loads(parts[SCHEMA]))[0]
    return archive({**parts, name: change(parts[name])})


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


# Forged, with right checksums: Keras configurations.

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


def with_keras(content, path, name, change):
    """Let a function change the configuration of a Keras object in the state."""

    def change_schema(schema):
        place = inside(schema, *path, "keras_object")["content"][name]
        config = json.loads(json.loads(place["content"]))
        config = change(config) or config
        place["content"] = json.dumps(json.dumps(config))

    return with_schema(content, change_schema)


def evil_optimizers(content, other, generator):
    """Ask for what runs code, reads files or is the user's, in an optimizer."""
    evil = copy.deepcopy(pick(generator, EVIL))

    def change(config):
        if generator.rand() < 0.5:
            return evil
        config["config"]["learning_rate"] = evil
        return None

    return with_keras(content, ("optimizer",), "config", change)


def evil_settings(content, other, generator):
    """Give an optimizer settings that it does not have."""
    name = pick(generator, ["apply", "get_config", "__class__", "name", "_lock", "x"])
    value = pick(generator, [1, "x", [], {}, {"regular_expression": 1}, (), None])
    path = "optimizer", "keras_object", "lost"
    return with_schema(content, lambda schema: put(schema, *path, name, value))


def evil_activations(content, other, generator):
    """Give skae's own networks what Keras would look up or make."""
    names = ["registered_by_the_user", "Custom>registered_by_the_user"]
    evil = pick(generator, [pick(generator, EVIL), *names, 1.5, [["relu"]]])
    name = pick(generator, ["activation", "code_activation"])
    path = "_fitted", "network"
    return with_schema(content, lambda schema: put(schema, *path, name, evil))


def with_model(content, change):
    """Let a function change the configuration of the fitted encoder."""
    path = "network", "encoder"
    return with_keras(content, path, "model", change)


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
    "other files, pickles among them": other_files,
    "forged: versions and metadata requests": forged_abouts,
    "forged: nesting": deep_nesting,
    "forged: objects that hold one another": laughter,
    "forged: one array many times": one_array_many_times,
    "forged: huge numbers": huge_numbers,
    "forged: classes and functions": other_classes,
    "forged: random state beyond its end": random_states_beyond_their_end,
    "forged: attributes and parameters": unknown_names,
    "forged: something else than a fit": other_fits,
    "forged: networks of absurd sizes": absurd_sizes,
    "forged: sizes that differ": wrong_sizes,
    "forged: weights of another network": wrong_weights,
    "forged: any values replaced": replaced_values,
    "forged: operations for NumPy": other_graphs,
    "forged: headers of arrays": lying_headers,
    "forged: pickles among arrays": pickled_arrays,
    "forged: optimizers with code": evil_optimizers,
    "forged: settings of optimizers": evil_settings,
    "forged: activations with code": evil_activations,
}
"""What people do to files."""

FORGERIES_OF_MODELS = {
    "forged: Keras layers with code": evil_layers,
    "forged: Keras layers in a tangle": evil_graphs,
    "forged: Keras layers of absurd sizes": absurd_models,
}
"""What people do to files that hold Keras models."""
