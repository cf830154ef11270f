"""Pulls that call a training function of the user's instead of training a network of this program."""
