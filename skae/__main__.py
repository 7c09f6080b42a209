"""``python -m skae``: the comparison with PCA on the command line."""

import argparse
import sys
from typing import Any

import skae

_SCALES: dict[str, Any] = {"auto": "auto", "yes": True, "no": False, "both": "both"}


def main(argv=None):
    """Run a command. A bad argument or file gets one line and exit code 2.

    `argv` holds the arguments; None takes those of the process.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except (ImportError, ValueError) as error:
        parser.error(" ".join(str(error).split()))


class _Parser(argparse.ArgumentParser):
    """Reports a bad argument in one line, without the usage."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def _parser():
    parser = _Parser(prog="python -m skae", description=skae.__doc__)
    parser.add_argument(
        "--version", action="version", version=f"skae {skae.__version__}"
    )
    commands = parser.add_subparsers(metavar="command", required=True)
    command = commands.add_parser(
        "compare",
        help="compare an autoencoder with PCA on your data",
        description="Compare an autoencoder with PCA on your data, and write a report.",
        epilog="The verdict and the table go to standard output, progress to standard "
        "error. Exit code 2 means that an argument or the file cannot be used.",
    )
    _add_data(command)
    _add_measurement(command)
    command.set_defaults(run=_compare)
    return parser


def _add_data(command):
    command.add_argument(
        "file",
        nargs="?",
        help="text (.csv, .tsv, .txt, also .gz), Excel (.xlsx), .parquet or a folder "
        "of such files, .npy or .npz, with a row for each sample; without it, "
        "scikit-learn's digits",
    )
    command.add_argument(
        "--label",
        metavar="NAME",
        help="column, or array of .npz, that holds class labels; it is no feature",
    )
    for option, words in _READING.items():
        command.add_argument(f"--{option}", **words)
    command.add_argument(
        "--output",
        metavar="FOLDER",
        default="skae-report",
        help="where the report goes; an earlier report there is replaced, other files "
        "are never (default: %(default)s)",
    )


_NAMES: dict[str, Any] = {"nargs": "+", "metavar": "NAME"}
# The options of `comparison._reading.read`.
_READING: dict[str, dict[str, Any]] = {
    "drop": {"help": "columns to leave out", **_NAMES},
    "columns": {
        "help": "the only columns to compare, even if they look like identifiers",
        **_NAMES,
    },
    "sep": {
        "metavar": "CHARACTER",
        "help": "what separates the columns of text, or tab (default: guessed)",
    },
    "decimal": {
        "metavar": "CHARACTER",
        "help": "decimal mark of text (default: guessed)",
    },
    "encoding": {
        "metavar": "NAME",
        "help": "encoding of text, such as cp1252 (default: UTF-8, else Latin-1)",
    },
    "na": {
        "nargs": "+",
        "metavar": "MARK",
        "help": "further marks of missing values, such as -999 (known: nothing, NA, "
        "NaN, null, ?, - and the like)",
    },
    "key": {
        "metavar": "NAME",
        "help": "array of .npz that holds the rows (default: X or x, or the only one), "
        "or sheet of Excel (default: the first)",
    },
    "rows": {
        "type": int,
        "metavar": "N",
        "help": "compare N rows, drawn at random (default: all; of large Parquet "
        "files 100000)",
    },
}


def _add_measurement(command):
    integer = {"type": int, "metavar": "N"}
    command.add_argument(
        "--encoding-dim",
        nargs="+",
        help="numbers of codes (default: of 2 8 16 32 those below the number of "
        "features, of narrow tables 1 2 4 8)",
        **integer,
    )
    command.add_argument(
        "--scale",
        choices=_SCALES,
        default="auto",
        help="whether columns are divided by their standard deviations; auto does "
        "where a few of them hold nearly all variance (default: auto)",
    )
    command.add_argument(
        "--splits",
        help="number of random splits, each with a fifth held out (default: 3, or 1 "
        "for more than 20000 rows)",
        **integer,
    )
    command.add_argument(
        "--seed",
        default=0,
        help="seed of splits, fits and t-SNE (default: 0)",
        **integer,
    )
    command.add_argument(
        "--no-tsne", action="store_true", help="leave out t-SNE, most of the time"
    )


def _compare(arguments):
    from skae.comparison import _report

    data, name = _read(arguments)
    folder = _report.check_folder(arguments.output)
    for note in data.notes:
        print(note, file=sys.stderr)
    comparison = skae.compare(
        data.X,
        data.y,
        encoding_dims=arguments.encoding_dim or "auto",
        scale=_SCALES[arguments.scale],
        columns=arguments.columns and list(data.X.columns),
        n_splits="auto" if arguments.splits is None else arguments.splits,
        tsne=not arguments.no_tsne,
        random_state=arguments.seed,
        verbose=1,
    )
    comparison.notes += data.notes
    where = f"Report: {_report.write(comparison, folder, name, data.code)}"
    print(where, comparison, where, sep="\n\n")


def _read(arguments):
    """Return the data and their name in the report."""
    from skae.comparison import _reading

    options = {name: getattr(arguments, name) for name in ("label", *_READING)}
    if arguments.file is not None:
        data = _reading.read(arguments.file, **options, seed=arguments.seed)
        return data, arguments.file
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"--{name} is for a file, but there is none. Name one.")
    return _reading.digits(), "scikit-learn's digits"


if __name__ == "__main__":
    main()
