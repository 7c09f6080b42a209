"""Do all links between the pages of the built documentation lead somewhere?

    python docs/check_links.py docs/_build

Prints the links to files and anchors that do not exist, and what a page would load from
another host, and exits with 1 if there are any. Links that a reader follows to other
sites are left alone.
"""

import argparse
import pathlib
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

# Elements whose address the browser loads by itself.
LOADING = {"audio", "iframe", "img", "link", "script", "source", "video"}
# Addresses of <link> that name a page and load nothing.
NAMING = {"canonical", "next", "prev", "search", "index", "author", "copyright"}


class Page(HTMLParser):
    """The addresses in a page, and the anchors that others may link to."""

    def __init__(self, path):
        super().__init__()
        self.addresses = []
        self.anchors = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Collect what one element links to, and its anchors."""
        values = dict(attributes)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        loads = tag in LOADING and values.get("rel") not in NAMING
        self.addresses += [
            (values[name], loads) for name in ("href", "src") if values.get(name)
        ]


def broken_links(folder):
    """List the broken links of all pages in a folder, as (page, address) pairs."""
    # The theme leaves a template of its own in _static.
    paths = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    pages = {path.resolve(): Page(path) for path in sorted(paths)}
    if not pages:
        raise SystemExit(f"{folder} has no HTML pages; build the documentation first.")
    return [
        (path.relative_to(folder.resolve()), address)
        for path, page in pages.items()
        for address, loads in page.addresses
        if is_broken(path, address, loads, pages)
    ]


def is_broken(path, address, loads, pages):
    """Tell whether an address in the page at a path leads nowhere."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return loads and parts.scheme != "data"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if target in pages:
        return unquote(parts.fragment) not in pages[target].anchors
    return not target.exists()


def main():
    """Check the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="what sphinx-build has made")
    broken = broken_links(parser.parse_args().folder)
    for page, address in broken:
        print(f"{page}: {address}")
    print(f"{len(broken)} broken links")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
