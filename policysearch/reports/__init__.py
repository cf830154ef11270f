"""What pages are made of: figures as text, tables, plots, and the markup around them."""
