"""Bounded pools of compiled code: few architectures, and few weights in all."""

# 32 MB in float32, which is what the models of a pool may keep in memory. Fewer would
# make fits of several larger architectures compile again (docs/guide/speed.rst).
_MOST_WEIGHTS = 2**23


def evict_oldest(pool, most):
    """Drop the oldest items of a pool while it has too many, or too many weights."""
    while len(pool) > most or (
        pool and sum(item.n_weights for item in pool.values()) > _MOST_WEIGHTS
    ):
        pool.popitem(last=False)
