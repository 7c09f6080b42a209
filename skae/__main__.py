"""``python -m skae``: the comparison with PCA on the command line."""

import argparse
import sys

from sklearn.datasets import load_digits

import skae

_SIZES = 2, 8, 16, 32


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
        help=".csv, .csv.gz, .parquet, .npy or .npz with a row for each sample; "
        "without it, scikit-learn's digits",
    )
    command.add_argument(
        "--label",
        metavar="NAME",
        help="column, or array of .npz, that holds class labels; it is no feature",
    )
    command.add_argument(
        "--key",
        metavar="NAME",
        help="array of .npz that holds the rows (default: X or x, or the only one)",
    )
    command.add_argument(
        "--output",
        metavar="FOLDER",
        default="skae-report",
        help="where the report goes; an earlier report there is replaced, other files "
        "are never (default: %(default)s)",
    )


def _add_measurement(command):
    integer = {"type": int, "metavar": "N"}
    command.add_argument(
        "--encoding-dim",
        nargs="+",
        help="numbers of codes (default: those of 2 8 16 32 that PCA can have)",
        **integer,
    )
    command.add_argument(
        "--splits",
        default=3,
        help="number of random splits, each with a fifth held out (default: 3)",
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
        encoding_dims=arguments.encoding_dim or _usual_sizes(data.X),
        n_splits=arguments.splits,
        tsne=not arguments.no_tsne,
        random_state=arguments.seed,
        verbose=1,
    )
    page = comparison.save(folder, name)
    print(f"{comparison}\n\nReport: {page}")


def _read(arguments):
    """Return the data and their name in the report."""
    from skae.comparison import _reading

    if arguments.file is not None:
        data = _reading.read(arguments.file, arguments.label, arguments.key)
        return data, arguments.file
    for option in "label", "key":
        if getattr(arguments, option) is not None:
            raise ValueError(f"--{option} is for a file, but there is none. Name one.")
    return _reading.Data(*load_digits(return_X_y=True)), "scikit-learn's digits"


def _usual_sizes(X):
    """Return numbers of codes that PCA can have on four fifths of the rows."""
    most = min(len(X) * 4 // 5, X.shape[1])
    return [size for size in _SIZES if size <= most] or [1]


if __name__ == "__main__":
    main()
