"""What a table file means: its models, its rules, its loader. Nothing here connects, and nothing knows Dagster."""
