"""Links to other projects' pages, without the network.

`inventories/PROJECT.txt` lists the names of a project that our pages link to: first the
address of its pages, then a role, a name and a place on each line. A name that is
missing there stays without a link; add a line for it. (Keras publishes no inventory,
and those of the others are megabytes for a few dozen names.)
"""

import zlib
from pathlib import Path

SOURCES = Path(__file__).parent / "inventories"
STANDARD = {"label", "term"}  # Sphinx's own roles; the others are Python's


def read(path):
    """Return the address of a project and its (role, name, place) lines."""
    address, *lines = path.read_text().splitlines()
    return address, [line.split() for line in lines]


def write(path, project, entries):
    """Write entries in the format that Sphinx reads, version 2 of its inventories."""
    lines = [
        f"{name} {'std' if role in STANDARD else 'py'}:{role} 1 {place} -\n"
        for role, name, place in entries
    ]
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    path.write_bytes(head.encode() + zlib.compress("".join(lines).encode()))


def mapping(folder):
    """Write all inventories into a folder; return Sphinx's `intersphinx_mapping`."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for source in sorted(SOURCES.glob("*.txt")):
        address, entries = read(source)
        path = folder / f"{source.stem}.inv"
        write(path, source.stem, entries)
        found[source.stem] = (address, str(path))
    return found


def types():
    """Return roles of the dotted names, for numpydoc's types of parameters."""
    return {
        name: f":{'func' if role == 'function' else role}:`{name}`"
        for source in SOURCES.glob("*.txt")
        for role, name, _ in read(source)[1]
        if "." in name and role not in STANDARD
    }
