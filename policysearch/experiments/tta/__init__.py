"""Test-time policies: searched on validation, judged once on the test part."""
