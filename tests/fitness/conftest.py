"""Float results depend on the number of threads, which TensorFlow reads once, at its first operation."""

from __future__ import annotations

import os

os.environ |= {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
