"""The service's pages: HTML made by the server, with one stylesheet and one script module of their own."""
