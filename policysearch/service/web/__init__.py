"""The service over HTTP: endpoints, streams and downloads, and who may use them."""
