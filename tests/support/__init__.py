"""Fixtures, stand-ins and conformance kits that several test files share."""
