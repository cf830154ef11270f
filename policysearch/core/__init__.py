"""What every room may use: errors, files, seeds, trials, frozen values and code of the user's own."""
