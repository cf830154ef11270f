"""AutoAugment's search (Cubuk et al. 2018): an LSTM writes sub-policies and learns from the rewards of its policies."""
