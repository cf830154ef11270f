"""What requests may say: closed models of settings, and the table of those that the server sets."""
