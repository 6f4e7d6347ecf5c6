"""Models on their way to where they are used: file formats, the runtimes that read them, size and speed.

    export_model(model, "small.tflite", format="litert_int8", examples=x)
    predict = open_runtime("small.tflite")           # a function from examples to outputs
    print(compare_models({"ancestor": big, "descendant": small}, x))

Keras and the libraries of a format are imported where they are used. `work` is the job that
a run sends to a worker, `card` what is written beside a model.
"""

from gakeras.exporting.card import card_path, model_card
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
    "card_path",
    "choose_format",
    "compare_models",
    "export_model",
    "missing_modules",
    "model_card",
    "open_runtime",
]
