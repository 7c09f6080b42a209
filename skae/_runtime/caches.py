"""Pools of what is compiled for an architecture: few, and of few weights."""

_MOST_WEIGHTS = 2**23


def evict_oldest(pool, most):
    """Drop the oldest of a pool until both its number and its weights are few."""
    while len(pool) > most or (
        pool and sum(item.n_weights for item in pool.values()) > _MOST_WEIGHTS
    ):
        pool.popitem(last=False)
