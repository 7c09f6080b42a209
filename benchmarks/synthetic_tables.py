"""Small synthetic tables of ten kinds, with test rows like the training rows or not.

Training and test rows of a table come from one distribution, whose parameters the seed
draws. Then the test rows are changed or not.
"""

import dataclasses
import itertools

import numpy as np

N_TEST = 500
# Float32 loses axes whose standard deviation is below a millionth of the first's.
_RANK_TOLERANCE = 1e-6

_SHAPES = [
    (n_rows, n_features, n_codes)
    for n_rows, (n_features, n_codes) in itertools.product(
        (10, 30, 100, 300, 1000, 2500, 5000),
        ((5, 2), (10, 1), (10, 4), (20, 2), (20, 8), (50, 2), (50, 8), (100, 16)),
    )
]
_WIDE_SHAPES = list(itertools.product((10, 30, 80), (100, 300), (2, 8)))
# Where a table has a rank below the codes wanted, it gets the next fewer of these.
_FEWER_CODES = (16, 8, 4, 2, 1)


@dataclasses.dataclass(frozen=True)
class Table:
    """Training and test rows.

    Parameters
    ----------
    number : int
        Of all tables.

    kind, change : str
        Of `KINDS` and `CHANGES`.

    train, test : ndarrays of shape (n_rows, n_features)
        The test rows, changed.

    ordinary : ndarray of shape (N_TEST, n_features)
        The test rows before the change.

    n_codes : int
        Below the rank of the training rows.
    """

    number: int
    kind: str
    change: str
    train: np.ndarray
    test: np.ndarray
    ordinary: np.ndarray
    n_codes: int

    @property
    def architecture(self):
        """What decides whether a fit must compile anew."""
        return *self.train.shape[::-1], self.n_codes


def tables(n_tables):
    """Return so many tables; the first ones are of all kinds and changes.

    Tables of one shape follow one another, so that few fits compile anew.
    """
    made = [_table(number) for number in range(n_tables)]
    return sorted(made, key=lambda table: (table.n_codes, *table.architecture))


def _table(number):
    """Return a table; it is drawn anew until its rank is above 1."""
    kind = list(KINDS)[number % len(KINDS)]
    turn = number // len(KINDS)
    change = list(CHANGES)[turn % len(CHANGES)]
    n_rows, n_features, n_codes = _shape(kind, turn)
    for attempt in itertools.count():
        generator = np.random.default_rng([number, attempt])
        rows = KINDS[kind](generator, n_rows + N_TEST, n_features, n_codes)
        # Of duplicates and one-hot codes, too, any row may be in either part.
        train, ordinary = np.split(generator.permutation(rows), [n_rows])
        rank = _rank(train)
        if rank > 1:
            break
    if n_codes >= rank:
        n_codes = next(fewer for fewer in _FEWER_CODES if fewer < rank)
    test = CHANGES[change](generator, train, ordinary)
    return Table(number, kind, change, train, test, ordinary, n_codes)


def _shape(kind, turn):
    """Return rows, features and codes; each kind goes through all in its own order."""
    shapes = _WIDE_SHAPES if kind == "more features than rows" else _SHAPES
    order = np.random.default_rng([len(kind), *kind.encode()]).permutation(len(shapes))
    return shapes[order[turn % len(shapes)]]


def _rank(X):
    deviations = X - X.mean(axis=0)
    if len(deviations) < deviations.shape[1]:
        deviations = deviations.T
    variances = np.linalg.eigvalsh(deviations.T @ deviations)
    return int((variances > _RANK_TOLERANCE**2 * variances[-1]).sum())


# The kinds of tables


def _factors(generator, n_rows, n_features, draw=None):
    """Return rows that depend on a few factors, linearly or not, with noise."""
    n_factors = int(generator.integers(1, max(2, n_features // 4) + 1))
    draw = generator.standard_normal if draw is None else draw
    factors = draw((n_rows, n_factors))
    inputs = factors @ generator.normal(size=(n_factors, n_features))
    bend = generator.choice([0.0, 0.3, 1.0])
    bent = np.sin(inputs) + 0.5 * np.abs(inputs)
    noise = generator.choice([0.03, 0.3]) * draw((n_rows, n_features))
    return (1 - bend) * inputs + bend * bent + noise


def _heavy_tails(generator, n_rows, n_features, n_codes):
    if generator.random() < 0.5:
        return _factors(
            generator, n_rows, n_features, lambda size: generator.standard_t(2, size)
        )
    return np.exp(_factors(generator, n_rows, n_features) / 2)


def _clusters(generator, n_rows, n_features, n_codes):
    n_clusters = int(generator.integers(2, 13))
    centers = generator.normal(scale=3, size=(n_clusters, n_features))
    spreads = generator.lognormal(sigma=0.5, size=n_clusters)
    shares = generator.dirichlet(np.ones(n_clusters))
    which = generator.choice(n_clusters, size=n_rows, p=shares)
    noise = generator.normal(size=(n_rows, n_features))
    return centers[which] + spreads[which, None] * noise


def _curves(generator, n_rows, n_features, n_codes):
    n_places = int(generator.integers(1, 4))
    places = generator.uniform(-1, 1, size=(n_rows, n_places))
    rates = generator.normal(scale=3, size=(n_places, n_features))
    phases = generator.uniform(0, 2 * np.pi, size=n_features)
    noise = generator.choice([0.01, 0.1, 0.5])
    noise = noise * generator.normal(size=(n_rows, n_features))
    return np.sin(places @ rates + phases) + noise


def _one_hot(generator, n_rows, n_features, n_codes):
    """Return indicators of variables of two to six categories that hang together."""
    clusters = generator.integers(0, 4, size=n_rows)
    variables, n_made = [], 0
    while n_made < n_features:
        n_categories = min(int(generator.integers(2, 7)), n_features - n_made)
        shares = generator.dirichlet(np.full(n_categories, 0.7), size=4)
        # The largest of shares times such noise is a draw by the shares (Gumbel).
        noise = generator.gumbel(size=(n_rows, n_categories))
        chosen = (np.log(shares + 1e-12)[clusters] + noise).argmax(axis=1)
        variables.append(np.eye(n_categories)[chosen])
        n_made += n_categories
    return np.hstack(variables)


def _counts(generator, n_rows, n_features, n_codes):
    rates = np.exp(np.clip(_factors(generator, n_rows, n_features) / 2, None, 5))
    return generator.poisson(rates).astype(float)


def _duplicates(generator, n_rows, n_features, n_codes):
    n_distinct = max(n_rows // int(generator.choice([2, 5, 20])), 8)
    distinct = _clusters(generator, n_distinct, n_features, n_codes)
    shares = generator.dirichlet(np.ones(n_distinct))
    return distinct[generator.choice(n_distinct, size=n_rows, p=shares)].round()


def _mixed_scales(generator, n_rows, n_features, n_codes):
    scales = 10 ** generator.uniform(-2, 2, size=n_features)
    return _factors(generator, n_rows, n_features) * scales


def _low_rank(generator, n_rows, n_features, n_codes):
    """Return a bent surface in a space of a few more dimensions than codes."""
    rank = min(n_codes + int(generator.integers(1, 6)), n_features)
    surface = _curves(generator, n_rows, rank, n_codes)
    return surface @ generator.normal(size=(rank, n_features))


def _spikes(generator, n_rows, n_features, n_codes):
    """Return smooth rows with rare large values."""
    rows = 0.3 * _curves(generator, n_rows, n_features, n_codes)
    are_spikes = generator.random(rows.shape) < generator.choice([0.002, 0.02, 0.1])
    return rows + are_spikes * generator.exponential(10, size=rows.shape)


def _wide(generator, n_rows, n_features, n_codes):
    make = (_factors, _curves, _clusters)[generator.integers(3)]
    extra = () if make is _factors else (n_codes,)
    return make(generator, n_rows, n_features, *extra)


KINDS = {
    "heavy tails": _heavy_tails,
    "clusters": _clusters,
    "curves": _curves,
    "one-hot": _one_hot,
    "counts": _counts,
    "duplicates": _duplicates,
    "mixed scales": _mixed_scales,
    "low rank": _low_rank,
    "spikes": _spikes,
    "more features than rows": _wide,
}


# The changes of the test rows


def _with_outliers(generator, train, test):
    """Move one row in fifty: 10 times as far from the mean, or in any direction."""
    test = test.copy()
    mean, spread = train.mean(axis=0), train.std(axis=0)
    outlying = np.arange(0, len(test), 50)
    moved = mean + 10 * (test[outlying] - mean)
    scattered = mean + 10 * spread * generator.normal(size=moved.shape)
    either = generator.random((len(outlying), 1)) < 0.5
    test[outlying] = np.where(either, moved, scattered)
    return test


def _with_shift(generator, train, test):
    """Move all rows alike, each feature by up to two of its standard deviations."""
    amount = generator.choice([0.5, 2.0])
    return test + amount * train.std(axis=0) * generator.uniform(-1, 1, test.shape[1])


CHANGES = {
    "none": lambda generator, train, test: test,
    "outliers": _with_outliers,
    "shift": _with_shift,
}
