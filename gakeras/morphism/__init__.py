"""Networks that grow without forgetting (Painter 2018; Chen, Goodfellow and Shlens 2016).

    wide = widen(model, "conv_1", 24, rng)                 # widening: more units
    deep = deepen(model, "pool_1", rng, method="residual") # deepening: one more layer
    deep = insert_inception(model, "pool_1", 4, rng)       # deepening: an Inception module beside it
    child.compile(carry_optimizer(model, child), loss)     # optimizers: the moments go along
    both = mean_ensemble([model, child])                   # ensembles: one plain Keras model

Each returns a new Keras model of stock layers with the same outputs, or refuses and says why.
`ledger` and `selection` are plain Python and NumPy; the other modules handle Keras models and
are imported by name. Definitions and conditions: docs/growth.md.
"""
