"""`python -m policysearch` is the command line."""

from policysearch.cli.entry_point import main

main()
