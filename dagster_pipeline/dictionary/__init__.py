"""The data dictionary: what table files say, as pages for people who read tables and no YAML."""
