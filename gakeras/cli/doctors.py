"""`gakeras doctor`: what is here, what works, and what to do about the rest."""

from __future__ import annotations

import typer

from gakeras.cli.options import app, console


@app.command()
def doctor() -> None:
    """Say what this machine has for a search, try Keras and MPI, and say how to get what is missing.

    The exit status is 1 where a search could not run. It takes some seconds.

    Example: gakeras doctor

    Example: KERAS_BACKEND=jax gakeras doctor
    """
    from gakeras.diagnosis import diagnose

    is_well = True
    for finding in diagnose():
        is_well = is_well and finding.is_fine
        mark = "ok" if finding.is_fine and not finding.advice else "--" if finding.is_fine else "NO"
        console.print(f"{mark}  {finding.topic:<15} {finding.found}", highlight=False)
        if finding.advice:
            console.print(f"    {'':<15} {finding.advice}", highlight=False)
    console.print("A search can run here." if is_well else "A search cannot run here yet.", highlight=False)
    if not is_well:
        raise typer.Exit(1)
