"""Keras objects as plain data that keep all their settings, and back.

Keras copies and pickles its objects by their configuration. This loses settings (Keras
3.15 loses the delta of Huber, and the variables that AdamW excludes from weight decay).
It also fails for the user's own classes unless they are registered. Here an object of
Keras' own class becomes its configuration plus the settings that the configuration
lacks. Any other becomes a `UsersObject`, which refers to its class as pickles do.
"""

import copy
import json
import re
import sys
import types
from typing import Any

import joblib
import numpy as np

from skae._keras.allowed import check
from skae._keras.keys import Identity
from skae._keras.models import KEY, UsersObject, made_by_keras, model_of, plain_model
from skae._runtime.tensorflow import load_keras

# The key of a dict that represents a compiled regular expression.
_PATTERN = "regular_expression"

# Attributes in which an optimizer keeps its state; they are not settings.
_NO_SETTINGS = {
    "built",
    "name",
    "_lock",
    "_trainable_variables_indices",
    "_exclude_from_weight_decay_cache",
}


def plain(value):
    """Return a value in which every Keras object is plain data or a `UsersObject`.

    Parameters
    ----------
    value : object
        A Keras model, optimizer, loss or schedule, or a dict, list or tuple of these.
        Words of NumPy become Python's. Anything else is returned as it is.
    """
    if type(value) is dict:
        return {name: plain(item) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    if isinstance(value, np.str_):  # from an array of words that a search draws from
        return str(value)
    for is_such, describe in _kinds():
        if isinstance(value, is_such):
            return describe(value)
    return value


def restored(value):
    """Return the value that `plain` was given, with new Keras objects.

    Raises
    ------
    ValueError, TypeError, LookupError, AttributeError or SavedFileError
        When the plain data are not a result of `plain`. Nothing in them is run.
    """
    if isinstance(value, UsersObject):
        return value.restored()
    if isinstance(value, dict):
        if value.keys() == {KEY}:
            return _restored_object(value[KEY])
        return {name: restored(item) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(restored, value))
    return value


class StandIn:
    """Takes the place of a Keras object while scikit-learn clones its estimator.

    A deep copy of it is a complete new Keras object.
    """

    def __init__(self, value):
        self._value = value

    def __deepcopy__(self, memo):
        return restored(copy.deepcopy(plain(self._value), memo))


def with_stand_ins(estimator):
    """Return a shallow copy of an estimator whose clones lose no Keras settings."""
    stand_in = object.__new__(type(estimator))
    stand_in.__dict__ = dict(vars(estimator))
    kinds = tuple(kind for kind, _ in _kinds())
    for name, value in vars(estimator).items():
        if kinds and isinstance(value, kinds):
            stand_in.__dict__[name] = StandIn(value)
    return stand_in


def description(value):
    """Return the contents of Keras objects as text, and the code they refer to.

    Both are equal for equal objects; numbers that Keras adds to names do not count.

    Returns
    -------
    text : str
    code : tuple of classes and functions
        Also holds, as `Identity`, each object whose contents cannot be compared.
    """
    code: list[Any] = []

    def describe(item):
        if isinstance(item, UsersObject):
            return item.parts
        if isinstance(item, type | types.FunctionType):
            code.append(item)
            return f"{item.__module__}.{item.__qualname__}"
        if not isinstance(item, np.ndarray | np.generic):
            code.append(type(item))
        try:
            return joblib.hash(item)
        except Exception:  # a user's class may raise anything when it is pickled
            code.append(Identity(item))
            return "incomparable"

    text = json.dumps(_with_text_keys(plain(value)), sort_keys=True, default=describe)
    return text, tuple(code)


def _with_text_keys(value):
    if isinstance(value, dict):
        return {repr(name): _with_text_keys(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_text_keys(item) for item in value]
    return value


def _kinds():
    """Return pairs (class, function that describes instances); none before the import.

    Without Keras imported no value can be a Keras object, and the import takes seconds.
    """
    keras = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "optimizers"):
        return ()
    schedule = keras.optimizers.schedules.LearningRateSchedule
    return (
        (keras.Model, plain_model),
        (keras.optimizers.Optimizer, _plain_optimizer),
        ((keras.losses.Loss, schedule), _plain_part),
    )


# Losses and schedules


def _plain_part(part):
    try:
        return _by_config(part)
    except (NotImplementedError, TypeError, ValueError) as error:
        state = plain(dict(vars(part)))
        if "name" in state:
            state["name"] = _unnumbered(state["name"], type(part))
        return UsersObject(_with_state, (type(part), state), str(error))


def _with_state(cls, state):
    part = cls.__new__(cls)
    vars(part).update(restored(state))
    return part


# Optimizers


def _plain_optimizer(optimizer):
    try:
        return _by_config(optimizer)
    except (NotImplementedError, TypeError, ValueError) as error:
        config = _config_of(optimizer)
        config["name"] = _unnumbered(optimizer.name, type(optimizer))
        if isinstance(config["learning_rate"], dict):
            config["learning_rate"] = plain(_schedule(optimizer))
        again = _of_class(type(optimizer), config, {})
        parts = type(optimizer), config, _lost(optimizer, again)
        return UsersObject(_of_class, parts, str(error))


def _config_of(optimizer):
    """Return an optimizer's configuration, even if its schedule has none itself."""
    try:
        return dict(optimizer.get_config())
    except NotImplementedError:
        schedule = _schedule(optimizer)
        vars(schedule)["get_config"] = dict  # for the moment
        try:
            return dict(optimizer.get_config())
        finally:
            del vars(schedule)["get_config"]


def _schedule(optimizer):
    """Return the schedule or function that gives the optimizer's learning rate."""
    keras = load_keras()
    kind = keras.optimizers.schedules.LearningRateSchedule
    held = vars(optimizer).values()
    return next(v for v in held if isinstance(v, kind | types.FunctionType))


def _of_class(cls, config, lost):
    return _with_lost(cls.from_config(restored(dict(config))), lost)


# Both


def _by_config(item):
    """Describe an object of Keras' own class.

    Raises
    ------
    TypeError or ValueError
        When it holds code of the user's own.
    """
    keras = load_keras()
    config = keras.saving.serialize_keras_object(item)
    if "name" in config["config"]:
        name = config["config"]["name"]
        config["config"]["name"] = _unnumbered(name, type(item))
    text = json.dumps(config)
    return {KEY: {"config": text, "lost": _lost(item, _of_config(text))}}


def _unnumbered(name, cls):
    """Return a name without the number that Keras has added to the class's name."""
    own = re.sub(r"_\d+$", "", name or "")
    return (own or None) if own.replace("_", "") == cls.__name__.lower() else name


def _lost(item, again):
    """Return the settings of an object that its configuration lacks.

    Parameters
    ----------
    again : object
        A new object made from the configuration, for comparison.
    """
    return {
        name: _plain_setting(value)
        for name, value in vars(item).items()
        if name not in _NO_SETTINGS
        and not name.startswith("_self_")  # TensorFlow's own
        and _is_setting(value)
        and repr(vars(again).get(name)) != repr(value)
    }


def _is_setting(value):
    """Tell whether a value is a plain setting, not Keras' state for each variable."""
    if isinstance(value, dict):
        names_are_text = all(isinstance(name, str) for name in value)
        return value and names_are_text and all(map(_is_setting, value.values()))
    if isinstance(value, list | tuple):
        return value and all(map(_is_setting, value))
    return isinstance(value, bool | int | float | str | re.Pattern | None)


def _plain_setting(value):
    if isinstance(value, dict):
        return {name: _plain_setting(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_setting(item) for item in value]
    return {_PATTERN: value.pattern} if isinstance(value, re.Pattern) else value


def _with_lost(item, lost):
    for name, value in lost.items():
        if isinstance(value, dict) and value.keys() == {_PATTERN}:
            value = re.compile(value[_PATTERN])
        if not _is_setting(value):
            raise ValueError(f"{value!r:.100} is no setting of a Keras object.")
        setattr(item, name, value)
    return item


def _restored_object(data):
    if "model" in data:
        return model_of(data["model"], data["weights"])
    return _with_lost(_of_config(data["config"]), data["lost"])


def _of_config(text):
    keras = load_keras()
    config = json.loads(text)
    check(config)
    item = made_by_keras(config)
    kinds = tuple(kind for kind, _ in _kinds())
    if not isinstance(item, kinds) or isinstance(item, keras.Model):
        raise ValueError(f"{item!r:.100} is no optimizer, loss or schedule.")
    return item
