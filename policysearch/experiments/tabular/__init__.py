"""Recorded tables of pulls (arms × fidelities × replicates), to be replayed."""
