"""Models on their way to where they are used: file formats, the runtimes that read them, size and speed.

    export_model(model, "small.tflite", format="litert_int8", examples=x)
    predict = open_runtime("small.tflite")           # a function from examples to outputs
    print(compare_models({"ancestor": big, "descendant": small}, x))

Only `conversion`, `runtimes` and `comparison` know Keras; the libraries of a format are
imported where it is used.
"""

from gakeras.exporting.comparison import ComparedModel, Comparison, compare_models
from gakeras.exporting.conversion import export_model
from gakeras.exporting.formats import SUFFIXES, Format, choose_format, missing_modules
from gakeras.exporting.runtimes import open_runtime
from gakeras.exporting.timing import Timing

__all__ = [
    "SUFFIXES",
    "ComparedModel",
    "Comparison",
    "Format",
    "Timing",
    "choose_format",
    "compare_models",
    "export_model",
    "missing_modules",
    "open_runtime",
]
