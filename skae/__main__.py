"""``python -m skae``: the comparison with PCA on the command line."""

import argparse

import skae


def main(argv=None):
    """Run a command; print a bad argument in one line and exit with code 2.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments; None stands for those of the process.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except ValueError as error:
        parser.error(str(error))


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
    text = "Compare an autoencoder with PCA on scikit-learn's digits."
    command = commands.add_parser("compare", help=text, description=text)
    command.add_argument(
        "--encoding-dim",
        type=_integer_from(1),
        nargs="+",
        default=[2, 8, 16, 32],
        metavar="N",
        help="numbers of codes (default: 2 8 16 32)",
    )
    command.add_argument(
        "--seed",
        type=_integer_from(0),
        default=0,
        metavar="N",
        help="seed of the split and the fits (default: 0)",
    )
    command.set_defaults(run=_compare)
    return parser


def _integer_from(lowest):
    """Return a type for argparse: an integer that is at least `lowest`."""

    def parse(text):
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(
                f"must be an integer of at least {lowest}, got {text!r}"
            )
        return int(text)

    return parse


def _compare(arguments):
    skae.compare(
        encoding_dims=arguments.encoding_dim, random_state=arguments.seed, verbose=1
    )
    print("Data: scikit-learn's digits, measured on the fifth of the rows held out")


if __name__ == "__main__":
    main()
