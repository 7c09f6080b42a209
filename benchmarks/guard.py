"""How often does a fit keep trained weights that gain nothing, and how often a gain?

    python -m benchmarks.guard [--rows 8 12 ...] [--epochs 40] [--simulations 1000]
        [--errors gaussian student lognormal skewed]

The rule that chooses between the start and the epochs of training, on simulated gains
of held-out rows. A row's gains are a random walk over the epochs, since each epoch
starts at the weights of the one before. Their mean over all possible rows is zero in
every epoch, so that accepting any is false. The rows' deviations are

- gaussian: alike;
- student: unlike, so that gains have Student's t distribution (2 degrees of freedom);
- lognormal: unlike by lognormal factors (their logarithms deviate by 1.5);
- skewed (not in the default run): most rows gain a little and a few lose much, as where
  a network fits typical rows at the cost of rare ones. No rule can tell from a few rows
  that do not have such a loss among them.

Without weights, and with lognormal ones (their logarithms deviate by 1).

For the power, a true gain of all rows is added, which rises over the epochs to 2, 4 and
8 times what a typical row's gain deviates by at the last epoch, over the square root of
the number of rows: about so many standard errors of an unweighted mean.
"""

import argparse
import dataclasses

import numpy as np

from benchmarks.measures import print_heading, print_row
from skae._training.selection import beats_chance

PROMISE = 0.05
TRUE_GAINS = 2, 4, 8
DEFAULT_ROWS = 8, 10, 12, 16, 24, 50, 200, 1000, 10_000
# Power needs fewer digits than the false acceptance.
_SIMULATIONS_FOR_POWER = 4


def _alike(generator, walks):
    return walks


def _student(generator, walks):
    return walks * np.sqrt(2 / generator.chisquare(2, walks.shape[1]))


def _lognormal(generator, walks):
    return walks * generator.lognormal(sigma=1.5, size=walks.shape[1])


def _skewed(generator, walks):
    losses = generator.lognormal(sigma=1.5, size=walks.shape[1])
    mean = np.exp(1.5**2 / 2)
    progress = np.linspace(0, 1, len(walks))[:, None]
    return 0.1 * walks + progress * (mean - losses)


ERRORS = {
    "gaussian": _alike,
    "student": _student,
    "lognormal": _lognormal,
    "skewed": _skewed,
}

WEIGHTS = {
    "none": lambda generator, n_rows: np.ones(n_rows),
    "lognormal": lambda generator, n_rows: generator.lognormal(size=n_rows),
}


@dataclasses.dataclass(frozen=True)
class Case:
    """What is simulated.

    Parameters
    ----------
    errors, weights : str
        Of `ERRORS` and `WEIGHTS`.

    n_rows, n_epochs : int
        Size of the gains.
    """

    errors: str
    weights: str
    n_rows: int
    n_epochs: int

    def gains(self, number, true_gain=0.0):
        """Return gains without, or with, a true gain, and the rows' weights."""
        generator = np.random.default_rng([number, self.n_rows, self.n_epochs])
        steps = generator.standard_normal((self.n_epochs, self.n_rows))
        walks = steps.cumsum(axis=0) / np.sqrt(self.n_epochs)
        gains = ERRORS[self.errors](generator, walks)
        # It has risen to 0.99 of what it may become.
        rise = -np.expm1(-5 * np.linspace(0, 1, self.n_epochs))
        gains = gains + (true_gain / np.sqrt(self.n_rows)) * rise[:, None]
        return gains, WEIGHTS[self.weights](generator, self.n_rows)


def accepted_share(rule, case, n_simulations, true_gain=0.0):
    """Return the share of simulations in which a rule accepts.

    Parameters
    ----------
    rule : callable
        ``rule(gains, weights)``, as `beats_chance`.

    case : Case
        What is simulated.

    n_simulations : int
        How often.

    true_gain : float, default=0.0
        In units of the docstring above.
    """
    accepted = [
        bool(rule(*case.gains(number, true_gain))) for number in range(n_simulations)
    ]
    return np.mean(accepted)


def main():
    """Run the simulation and print its table."""
    arguments = _arguments()
    powers = [f"accepted with a gain of {gain}" for gain in TRUE_GAINS]
    print_heading("errors", "weights", "rows", "accepted without a gain", *powers)
    worst = 0.0, None
    for errors in arguments.errors:
        for weights in WEIGHTS:
            for n_rows in arguments.rows:
                case = Case(errors, weights, n_rows, arguments.epochs)
                false = _print_case(case, arguments.simulations)
                worst = max(worst, (false, case), key=lambda pair: pair[0])
    _print_promise(*worst, arguments.simulations)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", type=int, default=DEFAULT_ROWS)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--simulations", type=int, default=1000)
    promised = [name for name in ERRORS if name != "skewed"]
    parser.add_argument("--errors", nargs="+", choices=ERRORS, default=promised)
    return parser.parse_args()


def _print_case(case, n_simulations):
    """Print a line; return the share accepted without a gain."""
    false = accepted_share(beats_chance, case, n_simulations)
    n_for_power = -(-n_simulations // _SIMULATIONS_FOR_POWER)
    powers = [
        accepted_share(beats_chance, case, n_for_power, gain) for gain in TRUE_GAINS
    ]
    shares = [f"{false:.1%}", *(f"{power:.0%}" for power in powers)]
    print_row(case.errors, case.weights, f"{case.n_rows:,}", *shares)
    return false


def _print_promise(worst, case, n_simulations):
    deviation = np.sqrt(PROMISE * (1 - PROMISE) / n_simulations)
    holds = worst <= PROMISE + 2 * deviation
    where = "" if case is None else f" ({case.errors}, {case.n_rows:,} rows)"
    print(
        f"\nMost accepted without a gain: {worst:.1%}{where}. At most {PROMISE:.0%}, "
        f"where the simulation's standard deviation is {deviation:.1%}: "
        f"{'yes' if holds else '**NO**'}"
    )


if __name__ == "__main__":
    main()
