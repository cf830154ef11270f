"""Children that read lines of text, trained by connectionist temporal classification."""
