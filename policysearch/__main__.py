"""`python -m policysearch` is the command line."""

from policysearch.cli import main

main()
