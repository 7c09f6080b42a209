"""Bounded pools of compiled code: few architectures, and few weights in all."""

# 32 MB in float32, which is what the models of a pool may keep in memory. Fewer would
# make fits of several larger architectures compile again (docs/guide/speed.rst).
MOST_WEIGHTS = 2**23


def evict_oldest(pool, most, most_weights=None, fewest=0):
    """Drop the oldest items of a pool while it has too many, or too many weights.

    Parameters
    ----------
    pool : OrderedDict
        Its values say how many weights they hold, by `n_weights`.

    most, fewest : int
        How many items may stay, and how many do whatever their weights.

    most_weights : int or None, default=None
        How many weights may stay; None is `MOST_WEIGHTS`.
    """
    most_weights = MOST_WEIGHTS if most_weights is None else most_weights
    while len(pool) > fewest and (
        len(pool) > most or sum(item.n_weights for item in pool.values()) > most_weights
    ):
        pool.popitem(last=False)
