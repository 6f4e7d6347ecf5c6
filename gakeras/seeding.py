"""Where every random number comes from: one run seed and the name of what is drawn."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager


def derive_seed(run_seed: int, *keys: int | str) -> int:
    """Return an integer in [0, 2**31) that depends on the run seed and on every key, and on nothing else.

    The same arguments give the same seed on every machine and in every process, so an
    evaluation can be repeated alone, out of order, or on another worker.

    >>> derive_seed(7, "fold", 0) == derive_seed(7, "fold", 0)
    True
    >>> derive_seed(7, "fold", 0) == derive_seed(7, "fold", 1)
    False
    """
    text = "\x1f".join([str(run_seed), *(f"{type(key).__name__}:{key}" for key in keys)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 33


@contextmanager
def isolated(seed: int) -> Iterator[random.Random]:
    """Seed Python's global generator, which DEAP draws from, for the length of a `with` block.

    Yields a generator of its own for code that takes one as an argument. On leaving, the
    global generator is as it was, whatever happened inside: Keras' own seeding, for
    example, calls `random.seed` and would otherwise rewind evolution.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield random.Random(derive_seed(seed, "own"))
    finally:
        random.setstate(state)
