"""Does any page of the built documentation go beyond the edge of a screen?

    python docs/check_widths.py docs/_build

Opens every page in headless Chromium, as wide as a phone (375 pixels) and as a laptop
(1366), and compares `scrollWidth` with the width of the window. Prints the pages that
are wider, with the elements to blame, and exits with 1 if there are any. Needs Chromium
(`apt install chromium`); nothing is loaded from the network.
"""

import argparse
import functools
import http.server
import json
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading

WIDTHS = (375, 1366)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# A page takes a tenth of a second to a second; this is for all at one width.
SECONDS = 600

# Opens the pages one after another in a frame, whose width is the screen of the page.
MEASURE = """<!doctype html><iframe id="frame" height="800" style="border:0"></iframe>
<script>
const frame = document.getElementById("frame");
const load = (page) => new Promise((done) => {
  frame.onload = () => requestAnimationFrame(() => requestAnimationFrame(done));
  frame.src = page;
});
// Code and tables may scroll by themselves; what is fixed is a menu of its own.
const SCROLLS = "pre, .pst-scrollable-table-container";
function cuts(element) {
  const style = frame.contentWindow.getComputedStyle(element);
  return style.display !== "inline" && style.overflowX !== "visible"
    && style.textOverflow !== "ellipsis";
}
function isMenu(element) {
  for (let e = element; e; e = e.parentElement)
    if (frame.contentWindow.getComputedStyle(e).position === "fixed") return true;
  return false;
}
function measured(page, width) {
  const root = frame.contentDocument.documentElement, screen = root.clientWidth;
  // Of what an element cuts off, its own box tells nothing.
  const right = (e) => e.getBoundingClientRect().right
    + (e.matches(SCROLLS) ? 0 : Math.max(0, e.scrollWidth - e.clientWidth) * cuts(e));
  const wide = [...root.querySelectorAll("body *")].filter((e) =>
    right(e) > screen + 1 && e.getBoundingClientRect().width > 1
    && !(e.parentElement.closest(SCROLLS)) && !isMenu(e));
  const content = Math.round(Math.max(root.scrollWidth, ...wide.map(right)));
  const names = wide.slice(-3).map((e) =>
    e.tagName.toLowerCase() + " '" + e.textContent.trim().slice(0, 60) + "'");
  return {page, width, screen, content, names};
}
(async () => {
  const found = [];
  for (const width of WIDTHS) {
    frame.width = width;
    for (const page of PAGES) {
      await load(page);
      found.push(measured(page, width));
    }
  }
  await fetch("/measured", {method: "POST", body: JSON.stringify(found)});
})();
</script>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the pages and the page that measures them, and takes its results."""

    def __init__(self, *args, measure, results, **kwargs):
        self.measure, self.results = measure, results
        super().__init__(*args, **kwargs)

    def do_GET(self):
        """Answer with a file, or with the page that measures."""
        if self.path != "/measure":
            return super().do_GET()
        body = self.measure.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def do_POST(self):
        """Take what was measured."""
        length = int(self.headers["Content-Length"])
        self.results.put(json.loads(self.rfile.read(length)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        """Print nothing."""


def widths(folder, browser):
    """Return page, width, screen, content and names of each page and width."""
    # The theme leaves a template of its own in _static.
    pages = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.html")
        if "_static" not in path.parts
    )
    if not pages:
        raise SystemExit(f"{folder} has no HTML pages; build the documentation first.")
    measure = f"<script>const PAGES = {json.dumps(pages)}, WIDTHS = {list(WIDTHS)};"
    results = queue.Queue()
    handler = functools.partial(
        Handler,
        directory=folder,
        measure=measure + "</script>" + MEASURE,
        results=results,
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/measure"
        try:
            return opened(browser, address, results)
        finally:
            server.shutdown()


def opened(browser, address, results):
    """Open a page in the browser, and wait for its results."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # which Chromium refuses to root, as in a container
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={profile}",
            "--window-size=1400,900",
            "--remote-debugging-port=0",  # keeps it open until it is ended
            address,
        ]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
        try:
            return results.get(timeout=SECONDS)
        except queue.Empty:
            raise SystemExit(f"{browser} measured nothing in {SECONDS} s.") from None
        finally:
            process.terminate()
            process.wait()


def main():
    """Check the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="what sphinx-build has made")
    folder = parser.parse_args().folder.resolve()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("No Chromium found; install it (apt install chromium).")
    found = widths(folder, browser)
    wide = [page for page in found if page["content"] > page["screen"]]
    for page in wide:
        print("{page}: {content} of {width} pixels".format(**page))
        print(*(f"    {name}" for name in page["names"]), sep="\n")
    print(f"{len(found)} pages and widths, {len(wide)} too wide")
    sys.exit(1 if wide else 0)


if __name__ == "__main__":
    main()
