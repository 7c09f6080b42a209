"""Notes what a piece of code does beyond computing: processes, files, code, network."""

import contextlib
import os
import sys
import tempfile

_ALWAYS = (
    "ctypes.dlopen",
    "ftplib.",
    "http.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pickle.find_class",
    "shutil.",
    "smtplib.",
    "socket.",
    "subprocess.",
    "urllib.",
    "webbrowser.",
)
_KNOWN_FOLDERS = tuple({*map(os.path.realpath, sys.path), sys.prefix, sys.base_prefix})
_noted: list | None = None
_is_set = False


@contextlib.contextmanager
def tripwire():
    """Yield a list of what the body does beyond computing and reading files.

    What Python does when it imports modules that are installed is left out, and so is
    the code that TensorFlow makes of functions.
    """
    global _noted, _is_set
    if not _is_set:
        sys.addaudithook(_note)  # which stays as long as the process
        _is_set = True
    _noted = noted = []
    try:
        yield noted
    finally:
        _noted = None


def _note(event, arguments):
    if _noted is None:
        return
    is_known = _IS_KNOWN.get(event)
    if event.startswith(_ALWAYS) or (is_known and not is_known(arguments)):
        _noted.append(f"{event} {arguments!r:.200}")


def _code_is_known(arguments):
    code = arguments[0]
    return _is_known_file(getattr(code, "co_filename", code))


def _source_is_known(arguments):
    # ast.parse, by which NumPy reads the headers of arrays, names no file. It runs
    # nothing: "exec" would note that.
    return arguments[1] == "<unknown>" or _is_known_file(arguments[1])


def _open_is_known(arguments):
    _, mode, flags = arguments
    if isinstance(mode, str):
        return not set(mode) & set("wax+")
    return not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)


def _is_known_file(name):
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if not isinstance(name, str):
        return name is None
    generated = os.path.join(tempfile.gettempdir(), "__autograph_generated_file")
    return name.startswith((*_KNOWN_FOLDERS, generated, "<frozen "))


def _import_is_known(arguments):
    return arguments[0].partition(".")[0] in _known_modules()


def _known_modules():
    return {name.partition(".")[0] for name in sys.modules}


_IS_KNOWN = {
    "exec": _code_is_known,
    "compile": _source_is_known,
    "function.__new__": _code_is_known,
    "open": _open_is_known,
    "import": _import_is_known,
}
