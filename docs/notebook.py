"""Runs the notebook, which keeps what it prints and draws: `make notebook`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("first_search.ipynb")


def executed(folder: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, run in a folder that its files go to.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran: another at each run
        if cell.cell_type == "code":  # warnings name the folder of this run
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        nbformat.write(executed(Path(place)), NOTEBOOK)
    sys.stdout.write(f"{NOTEBOOK}\n")
