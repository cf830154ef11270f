"""A study: its settings, trials, strategies and storage. The one room that knows Optuna."""
