"""The database of the service: its connection, its tables, and what is kept in them."""
