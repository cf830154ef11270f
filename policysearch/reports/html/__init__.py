"""Markup, plots and theme of HTML pages that need nothing from outside."""
