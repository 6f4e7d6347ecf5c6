"""How good an individual is: training options, cross-validated evaluation, and objectives.

Everything that imports Keras (`network`, `trainer`, `evaluation`, `final`) is loaded by
the workers' child processes alone.
"""
