"""The process of one job: it runs the search unchanged and writes events, a live summary and an exit record."""
