"""The report of a search: one HTML page from its journal alone. It needs the extra `report`.

`page` says what is on it, `summary` what stands on top, `tables` what is written in rows, and
`toml` how to run it again.
"""

from gakeras.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
