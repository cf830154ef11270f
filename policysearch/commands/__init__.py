"""The commands of the command line, a file a family; importing them imports neither torch nor Optuna nor Ray."""
