"""Check that the installed versions are skae's lower bounds, as pinned in a file."""

import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

lines = Path(sys.argv[1]).read_text().splitlines()
pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
pinned = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}
declared = [Requirement(line) for line in metadata.requires("skae") or ()]
bounds = {
    requirement.name: str(requirement.specifier).removeprefix(">=")
    for requirement in declared
    if requirement.marker is None or requirement.name in pinned
}
wrong = [
    f"{name}: pyproject.toml has >={bound}, pinned {pinned.get(name)}, "
    f"installed {metadata.version(name)}"
    for name, bound in bounds.items()
    if not bound == pinned.get(name) == metadata.version(name)
]
sys.exit("\n".join(wrong) or None)
