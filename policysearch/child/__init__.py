"""Child networks: the data they see, the networks, and one short training that ends in metrics."""
