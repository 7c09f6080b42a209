"""README.md as an index page can show it: there, relative addresses lead nowhere."""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = r"\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s]+)\)"
_BADGE = re.compile(r"^!\[[^\]]*\]\([^)\s]*badge[^)\s]*\)\n", re.MULTILINE)
_IMAGE = re.compile("!" + _RELATIVE)
_LINK = re.compile(_RELATIVE)


def for_index(readme):
    """Return Markdown with names of files in place of relative images and links."""
    readme = _BADGE.sub("", readme)
    readme = _IMAGE.sub(r"*\1 (picture: `\2`, in the source distribution).*", readme)
    return _LINK.sub(r"\1 (`\2`, in the source distribution)", readme)


class ReadmeHook(MetadataHookInterface):
    """Puts the text into the metadata."""

    def update(self, metadata):
        """Set the field `readme`."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": for_index(text),
        }
