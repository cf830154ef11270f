"""Online search: one network, whose policy is chosen as it trains."""
