"""Annotations of the public API; mypy checks what they say."""

import importlib
import inspect

MODULES = ["skae", "skae.comparison", "skae.displays", "skae.networks"]


def functions():
    """Yield the name and the function of each public function and method."""
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            item = getattr(module, name)
            if inspect.isfunction(item):
                yield f"{module.__name__}.{name}", item
            elif inspect.isclass(item):
                yield from methods(f"{module.__name__}.{name}", item)


def methods(name, item):
    """Yield the name and the function of each public method that skae defines."""
    for attribute in dir(item):
        method = inspect.getattr_static(item, attribute)
        method = getattr(method, "fget", None) or getattr(method, "__func__", method)
        is_public = attribute == "__init__" or not attribute.startswith("_")
        is_function = inspect.isfunction(method) and is_public
        if is_function and method.__module__.startswith("skae"):
            yield f"{name}.{attribute}", method


def bare(function):
    """Return the names of what is not annotated."""
    signature = inspect.signature(function)
    names = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.annotation is parameter.empty and name not in ("self", "cls")
    ]
    return names + ["return"] * (signature.return_annotation is signature.empty)


def test_all_of_the_public_api_is_annotated():
    found = {name: bare(function) for name, function in functions()}
    assert {"skae.load", "skae.VAETransformer.fit"} <= found.keys()
    assert {name: names for name, names in found.items() if names} == {}
