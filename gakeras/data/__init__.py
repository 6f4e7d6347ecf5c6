"""The examples a search learns from: loaded, checked, stored once, split into folds.

    arrays = load_source("digits")                # where the numbers come from
    task = check_arrays(arrays, num_folds=5)      # every mistake is found before any training
    info = store_arrays(arrays, task, directory)  # one copy on disk, in its own dtype
    data = open_data(directory)                   # memory-mapped by every worker
    folds = assign_folds(data.y, task, 5, seed=7)

Nothing here scales, shuffles or augments: that belongs to the model and its training.
"""

from gakeras.data.arrays import Arrays, as_arrays
from gakeras.data.checks import check_arrays
from gakeras.data.chunks import spread_rows
from gakeras.data.folds import (
    assign_folds,
    assign_folds_of_part,
    assign_validation,
    check_fold_weights,
    column_statistics,
    fold_indices,
    folds_digest,
)
from gakeras.data.sources import load_source
from gakeras.data.store import DataInfo, Scaling, StoredData, arrays_digest, open_data, store_arrays
from gakeras.data.tasks import Task
from gakeras.data.weights import (
    ClassWeight,
    example_weights,
    weights_at,
    weights_digest,
)

__all__ = [
    "Arrays",
    "ClassWeight",
    "DataInfo",
    "Scaling",
    "StoredData",
    "Task",
    "arrays_digest",
    "as_arrays",
    "assign_folds",
    "assign_folds_of_part",
    "assign_validation",
    "check_arrays",
    "check_fold_weights",
    "column_statistics",
    "example_weights",
    "fold_indices",
    "folds_digest",
    "load_source",
    "open_data",
    "spread_rows",
    "store_arrays",
    "weights_at",
    "weights_digest",
]
