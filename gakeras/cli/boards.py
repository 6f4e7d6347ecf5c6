"""`gakeras tensorboard`: a search for TensorBoard."""

from __future__ import annotations

from gakeras.cli.options import RunDirArgument, app, console


@app.command()
def tensorboard(run_dir: RunDirArgument) -> None:
    """Write what TensorBoard shows of a search, from its journal: loss, metric and size of every evaluation.

    A search with `--tensorboard` writes it as it goes. To look at it: pip install tensorboard, and
    `tensorboard --logdir DIR`.

    Example: gakeras tensorboard runs/mnist
    """
    from gakeras.tensorboard import write_events

    folder = write_events(run_dir)
    console.print(f"wrote {folder}", highlight=False)
