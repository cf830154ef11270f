"""The report of a search, one page for people: what it is made of (`material`), a file a section, the page."""
