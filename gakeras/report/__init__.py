"""The report of a run: one HTML page from its journal alone. It needs the extra `report`.

`search`, `synthesis` and `growth` say what is on the page of each kind of run, `summary` and `tables`
what that of a search says on top and in rows, `toml` how to run it again, and `page` puts it together.
"""

from gakeras.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
